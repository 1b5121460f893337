// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sched.h>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/cli/criu.hpp"

namespace berth::runtime::cli {
namespace {

Result<CriuCgroups> cgroups_mode(const std::string& word) {
  if (word == "soft") return CriuCgroups::kSoft;
  if (word == "full") return CriuCgroups::kFull;
  if (word == "strict") return CriuCgroups::kStrict;
  if (word == "ignore") return CriuCgroups::kIgnore;
  return Error(Code::kInvalidArgument,
               cat("--manage-cgroups-mode is soft, full, strict or ignore, not \"", word, "\""));
}

Result<void> refuse_unsupported(const Arguments& line) {
  for (const std::string_view name : {"lazy-pages", "lsm-profile", "lsm-mount-context"}) {
    if (line.has(name)) return Error(Code::kUnimplemented, cat("--", name, " is not supported"));
  }
  for (const std::string& name : line.all("empty-ns")) {
    if (name != "network")
      return Error(Code::kUnimplemented, cat("--empty-ns is for the network namespace, not \"", name, "\""));
  }
  return {};
}

Result<UniqueFd> open_directory(const std::string& path, bool create) {
  if (create) RETURN_IF_ERROR(make_dirs(path, 0700));
  return open_at(kCwd, path, O_RDONLY | O_DIRECTORY);
}

}  // namespace

Result<CriuJob> read_criu_job(CriuAction action, const Context& context) {
  const Arguments& line = context.arguments;
  if (context.globals.rootless)
    return Error(Code::kUnimplemented, "checkpoint and restore are for root of the machine alone");
  RETURN_IF_ERROR(refuse_unsupported(line));
  CriuJob job{};
  job.action = action;
  ASSIGN_OR_RETURN(job.options.cgroups, cgroups_mode(line.text("manage-cgroups-mode", "soft")));
  job.image_path = line.text("image-path", "checkpoint");
  job.work_path = line.text("work-path", job.image_path);
  const bool restores = action == CriuAction::kRestoreTree;
  ASSIGN_OR_RETURN(job.images, open_directory(job.image_path, !restores));
  ASSIGN_OR_RETURN(job.work, open_directory(job.work_path, true));
  job.options.log_file = restores ? "restore.log" : "dump.log";
  job.options.empty_namespaces = line.has("empty-ns") ? CLONE_NEWNET : 0;
  job.options.tcp_established = line.has("tcp-established");
  job.options.tcp_skip_in_flight = line.has("tcp-skip-in-flight");
  job.options.tcp_close = line.has("tcp-close");
  job.options.ext_unix_sockets = line.has("ext-unix-sk");
  job.options.shell_job = line.has("shell-job");
  job.options.file_locks = line.has("file-locks");
  job.options.auto_dedup = line.has("auto-dedup");
  job.options.orphan_terminal = true;
  return job;
}

}  // namespace berth::runtime::cli
