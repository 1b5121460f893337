// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/cat.hpp"
#include "runtime/cli/container_outside.hpp"
#include "runtime/cli/criu.hpp"
#include "runtime/cli/verb.hpp"

namespace berth::runtime::cli {
namespace {

constexpr auto kCheckpointOptions = with_criu_options({
    Option{"leave-running", '\0', "", "Let it go on afterwards, and keep it"},
    Option{"pre-dump", '\0', "", "Only its memory, ahead of a checkpoint; it goes on"},
    Option{"parent-path", '\0', "DIR", "Images of a --pre-dump, relative to --image-path"},
    Option{"page-server", '\0', "ADDRESS", "Not supported"},
    Option{"status-fd", '\0', "FD", "Not supported"},
});

/// v1's, where there is one: there the unified hierarchy cannot stop what it does not hold.
std::string freezer_of(const cgroup::Manager& cgroups, const std::string& cgroup) {
  std::string found;
  for (const auto& hierarchy : cgroups.hierarchies()) {
    const auto& names = hierarchy.controllers;
    if (std::find(names.begin(), names.end(), "freezer") != names.end())
      return hierarchy.mount_point + cgroup;
    if (hierarchy.v2) found = hierarchy.mount_point + cgroup;
  }
  return found;
}

Result<CriuJob> read_checkpoint_job(const Context& context) {
  const Arguments& line = context.arguments;
  for (const std::string_view name : {"page-server", "status-fd"}) {
    if (line.has(name)) return Error(Code::kUnimplemented, cat("--", name, " is not supported"));
  }
  const bool ahead = line.has("pre-dump");
  const std::string parent = line.text("parent-path");
  if (parent.starts_with("/"))
    return Error(Code::kInvalidArgument,
                 cat("--parent-path is relative to --image-path, not \"", parent, "\""));
  ASSIGN_OR_RETURN(CriuJob job,
                   read_criu_job(ahead ? CriuAction::kPreDumpTree : CriuAction::kDumpTree, context));
  job.options.leave_running = line.has("leave-running");
  job.options.track_memory = ahead || !parent.empty();  // both times: the first begins it, the last asks
  job.options.parent_path = parent;
  return job;
}

Result<int> run_checkpoint(const Context& context) {
  ASSIGN_OR_RETURN(Container container, Container::open(context, context.arguments.words.front()));
  RETURN_IF_ERROR(container.lock());
  const Status status = container.status();
  if (status != Status::kRunning && status != Status::kPaused)
    return Error(Code::kFailedPrecondition,
                 cat("cannot checkpoint container ", container.id(), ": it is ", status_name(status)));
  ASSIGN_OR_RETURN(CriuJob job, read_checkpoint_job(context));
  ASSIGN_OR_RETURN(const oci::Spec* const spec, container.spec());
  ASSIGN_OR_RETURN(cgroup::Manager* const cgroups, container.cgroups());
  const pid_t pid = container.record().process.pid;
  job.options.pid = pid;
  job.options.freeze_cgroup = freezer_of(*cgroups, container.record().cgroup);
  RETURN_IF_ERROR(name_outside(pid, *spec, job));
  auto done = run_criu(job, context.environment);
  if (!done) return std::move(done).context(cat("checkpoint container ", container.id())).error();
  if (job.action == CriuAction::kPreDumpTree || job.options.leave_running) return 0;
  RETURN_IF_ERROR(container.destroy());
  return 0;
}

}  // namespace

const Verb kCheckpoint = {"checkpoint",
                          "CONTAINER",
                          "Write a running container to files, with CRIU, and remove it",
                          kCheckpointOptions,
                          1,
                          1,
                          false,
                          run_checkpoint};

}  // namespace berth::runtime::cli
