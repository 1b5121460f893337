// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/exec_sync.hpp"

#include <algorithm>
#include <csignal>

#include "base/cat.hpp"
#include "base/digest.hpp"
#include "daemon/ops/container_launch.hpp"
#include "daemon/ops/exec_output.hpp"
#include "daemon/ops/retry.hpp"

namespace berth::daemon {
namespace {

using Clock = std::chrono::steady_clock;

/// Where an exec's processes live: a leaf below the container's group in the unified hierarchy, so
/// that a timeout kills the tree and not the container. Hosts without cgroup2 have none; there the
/// main process alone is killed.
class ExecCgroup {
 public:
  ExecCgroup(Services& with, const std::string& parent, const std::string& exec_id)
      : with_(with), parent_(parent), leaf_(cat("exec-", exec_id.substr(0, 16))) {}
  ExecCgroup(const ExecCgroup&) = delete;
  ExecCgroup& operator=(const ExecCgroup&) = delete;
  ~ExecCgroup() {
    if (!made_) return;
    const auto remove = [&with = with_, parent = parent_, leaf = leaf_] {
      return with.cgroups->remove_leaf(parent, leaf);
    };
    // What v1's freezer holds does not end.
    if (!remove()) retry_until_done(with_, cat("remove cgroup ", parent_, "/", leaf_), remove);
  }
  Result<runtime::cgroup::JoinFds> create() {
    ASSIGN_OR_RETURN(auto join, with_.cgroups->open_join(parent_));
    auto leaf = with_.cgroups->create_leaf(parent_, leaf_);
    if (leaf) {
      join.v2 = *std::move(leaf);
      made_ = true;
    } else if (leaf.error().code() != Code::kFailedPrecondition) {
      return std::move(leaf).error();
    }
    return join;
  }
  void kill() {
    if (!made_) return;
    (void)with_.cgroups->kill(cat(parent_, "/", leaf_));
  }

 private:
  Services& with_;
  std::string parent_;
  std::string leaf_;
  bool made_ = false;
};

/// The container's filter; after a restart of the daemon it is compiled again, once.
Result<std::shared_ptr<const runtime::SeccompProgram>> filter_of(Services& with, Container& container) {
  const auto& profile = container.record().spec.linux_.seccomp;
  if (!profile) return std::shared_ptr<const runtime::SeccompProgram>();
  if (auto known = *container.seccomp.lock()) return known;
  ASSIGN_OR_RETURN(auto compiled, with.seccomp.compile(*profile));
  *container.seccomp.lock() = compiled;
  return compiled;
}

runtime::ExecTarget target_of(const Container& container) {
  runtime::ExecTarget target;
  for (const auto& entry : container.record().spec.linux_.namespaces) target.namespaces.insert(entry.type);
  return target;
}

Result<runtime::LaunchPlan> plan_exec(Services& with, Container& container,
                                      const cri::ExecSyncRequest& request, runtime::cgroup::JoinFds join) {
  oci::Process process = container.record().spec.process;
  process.args.assign(request.cmd().begin(), request.cmd().end());
  process.terminal = false;
  process.create_cwd = false;
  ASSIGN_OR_RETURN(auto filter, filter_of(with, container));
  ASSIGN_OR_RETURN(auto plan, runtime::compile_exec(process, target_of(container), std::move(filter)));
  runtime::PlanResources resources;
  resources.cgroup_tasks = std::move(join.tasks);
  resources.cgroup_v2 = std::move(join.v2);
  ASSIGN_OR_RETURN(resources.target, open_process(container.snapshot().process));
  return runtime::materialise(std::move(*plan), std::move(resources));
}

struct Exec {
  std::string id;
  std::shared_ptr<runtime::ShimClient> shim;
  ExecCgroup cgroup;
  ExecOutput output;

  void kill() {
    cgroup.kill();
    (void)shim->signal(id, SIGKILL);
  }
};

Result<void> launch(Services& with, Container& container, const cri::ExecSyncRequest& request,
                    Clock::time_point until, Exec& exec) {
  ASSIGN_OR_RETURN(auto join, exec.cgroup.create());
  runtime::ShimClient::LaunchRequest launch;
  launch.id = exec.id;
  launch.flags = shim::kExecObject | shim::kGivenStdio;
  ASSIGN_OR_RETURN(launch.plan, plan_exec(with, container, request, std::move(join)));
  ASSIGN_OR_RETURN(launch.stdio[1], exec.output.open_stdout());
  ASSIGN_OR_RETURN(launch.stdio[2], exec.output.open_stderr());
  ASSIGN_OR_RETURN([[maybe_unused]] const auto launched,
                   exec.shim->launch(std::move(launch), std::min(until, shim_deadline())));
  return {};
}

Result<void> refuse_paused(const Services& with, const Container& container) {
  if (!with.cgroups->is_frozen(container.record().cgroup)) return {};
  return Error(Code::kFailedPrecondition, "the container is paused: its cgroup is frozen");
}

/// As far as the program, or nothing of it is left to be run later.
Result<void> launch_or_end(Services& with, Container& container, const cri::ExecSyncRequest& request,
                           Clock::time_point until, Exec& exec) {
  RETURN_IF_ERROR(refuse_paused(with, container));
  auto launched = launch(with, container, request, until, exec);
  if (launched) return launched;
  exec.kill();
  RETURN_IF_ERROR(refuse_paused(with, container));
  return launched;
}

}  // namespace

Result<void> exec_sync(Services& with, const Call& call, const cri::ExecSyncRequest& request,
                       cri::ExecSyncResponse& response) {
  ASSIGN_OR_RETURN(const ContainerPtr container, with.containers.find(request.container_id()));
  if (request.cmd().empty()) return Error(Code::kInvalidArgument, "cmd is empty");
  if (request.timeout() < 0)
    return Error(Code::kInvalidArgument, cat("timeout ", request.timeout(), " is negative"));
  if (container->snapshot().state != cri::CONTAINER_RUNNING) {
    return Error(Code::kFailedPrecondition, cat("container ", container->id(), " is not running"));
  }
  ASSIGN_OR_RETURN(const PodPtr pod, with.pods.find(container->record().pod_id));
  ASSIGN_OR_RETURN(auto shim, shim_of(*pod));

  const std::string id = random_id();
  Exec exec{id, std::move(shim), ExecCgroup(with, container->record().cgroup, id),
            ExecOutput(with.execs, id)};
  const auto until = request.timeout() > 0 ? Clock::now() + std::chrono::seconds(request.timeout())
                                           : Clock::time_point::max();
  const std::string story = cat("exec \"", request.cmd(0), "\" in container ", container->id());
  RETURN_IF_ERROR(launch_or_end(with, *container, request, until, exec).context(std::string(story)));

  const ExecOutput::Ending ending =
      exec.output.collect(until, call.cancelled, *response.mutable_stdout(), *response.mutable_stderr());
  if (ending == ExecOutput::Ending::kExited) {
    exec.cgroup.kill();  // what it left running in its group goes with it
    response.set_exit_code(exec.output.exit_code());
    return {};
  }
  exec.kill();
  exec.output.wait_ended(std::chrono::seconds(10));
  if (ending == ExecOutput::Ending::kCancelled)
    return Error(Code::kCancelled, cat(story, ": the caller has gone; the command was killed"));
  return Error(Code::kDeadlineExceeded,
               cat(story, ": timeout of ", request.timeout(), " s reached; the command was killed"));
}

}  // namespace berth::daemon
