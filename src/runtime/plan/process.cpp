// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/cat.hpp"
#include "runtime/oci/rlimits.hpp"
#include "runtime/oci/spec_check.hpp"
#include "runtime/plan/parts.hpp"

namespace berth::runtime::plan_parts {
namespace {

using plan::OpKind;
using plan::Phase;

constexpr std::uint32_t kDefaultUmask = 0022;
constexpr std::size_t kMaxCandidates = 256;  // what the shim accepts
constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The last PATH of the environment counts; an empty one is as good as none.
std::string search_path(const std::vector<std::string>& env) {
  std::string path;
  for (const std::string& entry : env) {
    if (entry.compare(0, 5, "PATH=") == 0) path = entry.substr(5);
  }
  return path.empty() ? std::string(kDefaultPath) : path;
}

std::vector<std::string> candidates(const std::string& program, const std::vector<std::string>& env) {
  if (program.find('/') != std::string::npos) return {program};
  std::vector<std::string> found;
  const std::string path = search_path(env);
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find(':', start), path.size());
    std::string dir = path.substr(start, end - start);
    if (dir.empty()) dir.push_back('.');
    if (dir.back() != '/') dir.push_back('/');
    dir.append(program);
    if (std::find(found.begin(), found.end(), dir) == found.end()) found.push_back(std::move(dir));
    if (found.size() == kMaxCandidates) break;
    start = end + 1;
  }
  return found;
}

void add_streams(const oci::Process& process, std::optional<std::uint32_t> host_uid, Plan& plan) {
  if (!process.terminal) {
    plan.add({.kind = OpKind::kStdio,
              .phase = Phase::kSetup,
              .label = "connect the standard streams",
              .mode = host_uid ? 1U : 0U,
              .flags = host_uid.value_or(0),
              .value = process.user.uid});
    return;
  }
  std::uint64_t size = 0;
  if (process.console_size)
    size = (std::uint64_t{process.console_size->height} << 16) | process.console_size->width;
  plan.add({.kind = OpKind::kTerminal,
            .phase = Phase::kSetup,
            .label = "open a terminal",
            .flags = size,
            .value = process.user.uid});
}

}  // namespace

void add_cgroups(Plan& plan) {
  plan.add({.kind = OpKind::kJoinCgroup,
            .phase = Phase::kJoin,
            .label = "join the container's cgroup",
            .fd = EveryCgroup{}});
}

void add_resctrl(const oci::Spec& spec, const CompileOptions& options, Plan& plan) {
  if (!spec.linux_.intel_rdt) return;
  plan.add({.kind = OpKind::kJoinCgroup,
            .phase = Phase::kJoin,
            .label = "join a group of cache and memory bandwidth (linux.intelRdt)",
            .fd = ResctrlFd{*spec.linux_.intel_rdt, options.container_id}});
}

void add_oom_score(const oci::Process& process, plan::By by, Plan& plan) {
  if (!process.oom_score_adj) return;
  const std::string score = std::to_string(*process.oom_score_adj);
  plan.add({.kind = OpKind::kOomScoreAdj,
            .phase = Phase::kJoin,
            .label = cat("set oom_score_adj ", score),
            .text = score,
            .by = by});
}

Result<void> add_process_setup(const oci::Process& process, std::optional<std::uint32_t> host_uid,
                               Plan& plan) {
  // Its name is made when the plan is materialised: a name that two containers shared would be a
  // keyring that they share.
  plan.add({.kind = OpKind::kKeyring, .phase = Phase::kSetup, .label = "create a session keyring"});
  add_streams(process, host_uid, plan);
  plan.add({.kind = OpKind::kWorkingDir,
            .phase = Phase::kSetup,
            .label = cat("change to the working directory ", process.cwd),
            .mode = process.create_cwd ? 1U : 0U,
            .text = process.cwd});
  // A limit of open files or of file size must not get in the way of the steps above.
  for (const oci::Rlimit& limit : process.rlimits) {
    const auto number = oci::rlimit_number(limit.type);
    if (!number) return Error(Code::kInvalidArgument, cat("process.rlimits: unknown type ", limit.type));
    plan.add({.kind = OpKind::kRlimit,
              .phase = Phase::kSetup,
              .label = cat("set ", limit.type, " to ", limit.soft, ":", limit.hard),
              .mode = static_cast<std::uint32_t>(*number),
              .flags = limit.soft,
              .value = limit.hard});
  }
  const std::uint32_t umask = process.user.umask.value_or(kDefaultUmask);
  plan.add({.kind = OpKind::kUmask, .phase = Phase::kSetup, .label = "set the umask", .mode = umask});
  return {};
}

Result<void> add_program(const oci::Process& process, Plan& plan) {
  if (process.user.uid != 0) {
    plan.add({.kind = OpKind::kWorkingDir,
              .phase = Phase::kPrivileges,
              .label = cat("change to the working directory ", process.cwd, " as user ", process.user.uid),
              .text = process.cwd});
  }
  plan.argv = process.args;
  plan.envp = process.env;
  plan.candidates = candidates(process.args.front(), process.env);
  plan.add({.kind = OpKind::kFindProgram,
            .phase = Phase::kPrivileges,
            .label = cat("find ", process.args.front())});
  plan.add({.kind = OpKind::kExec, .phase = Phase::kExec, .label = cat("run ", process.args.front())});
  return {};
}

void add_gate(Plan& plan) {
  plan.add({.kind = OpKind::kGate, .phase = Phase::kGate, .label = "wait for the start"});
}

void add_sync(Plan& plan) {
  plan.add({.kind = OpKind::kSync, .phase = Phase::kFiles, .label = "wait for the hooks"});
}

}  // namespace berth::runtime::plan_parts
