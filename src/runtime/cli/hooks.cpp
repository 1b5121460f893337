// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/hooks.hpp"

#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/process_id.hpp"
#include "base/subprocess.hpp"
#include "runtime/cli/container_namespaces.hpp"
#include "runtime/cli/container_plan.hpp"
#include "runtime/cli/launched_child.hpp"
#include "runtime/plan/parts.hpp"

namespace berth::runtime::cli {
namespace {

using plan::OpKind;
using plan::Phase;

constexpr std::size_t kMaxOutput = 4096;

std::vector<std::string> hook_arguments(const oci::Hook& hook) {
  return hook.args.empty() ? std::vector<std::string>{hook.path} : hook.args;
}

std::vector<std::string> hook_environment(const oci::Hook& hook, char** own) {
  if (hook.env) return *hook.env;
  std::vector<std::string> entries;
  for (char** entry = own; entry != nullptr && *entry != nullptr; ++entry) entries.emplace_back(*entry);
  return entries;
}

std::chrono::steady_clock::time_point deadline_of(const oci::Hook& hook) {
  constexpr std::int64_t kLongest = 365L * 24 * 3600;
  return std::chrono::steady_clock::now() +
         std::chrono::seconds(std::min(hook.timeout.value_or(kLongest), kLongest));
}

Error hook_failure(const HookPoint& point, const oci::Hook& hook, Error cause) {
  return std::move(cause.add_context(cat(point.name, " hook ", hook.path)));
}

Result<void> run_hook(const HookPoint& point, const oci::Hook& hook) {
  SpawnRequest request;
  request.program = hook.path;
  request.argv = hook_arguments(hook);
  request.env = hook_environment(hook, point.environment);
  auto done = run_to_end(std::move(request), point.state, kMaxOutput, deadline_of(hook));
  if (!done) return std::move(done).error();
  if (done->wait_status == 0) return {};
  return Error(Code::kInternal,
               cat(describe_wait_status(done->wait_status), done->err.empty() ? "" : ": ", done->err));
}

/// stdin as a file in memory: nobody has to be there to feed it, and nobody has to read it.
Result<UniqueFd> state_file(const std::string& state) {
  UniqueFd file(::memfd_create("state", MFD_CLOEXEC));
  if (!file) return Error::from_errno(errno, "create a memory file for", "the state");
  RETURN_IF_ERROR(write_fd(file.get(), state, "the state"));
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return Error::from_errno(errno, "rewind", "the state");
  return file;
}

Plan maker_plan(const oci::Hook& hook, const oci::Spec& spec, char** own_environment) {
  Plan plan;
  plan.title = "hook";
  const JoinedNamespaces joined = joined_namespaces(spec.linux_.namespaces);
  if (joined.pid) plan.join_pid = TargetFd{};
  plan_parts::add_cgroups(plan);
  plan.add({.kind = OpKind::kSetns,
            .phase = Phase::kJoin,
            .label = "join the namespaces of the container",
            .fd = TargetFd{},
            .flags = joined.flags});
  if ((joined.flags & plan_parts::clone_flag(oci::NamespaceType::kUser)) != 0) {
    const ExecTarget ids = exec_target(spec, spec.process, {}, {}, {});
    plan.in_user_namespace = true;
    plan.add({.kind = OpKind::kBecomeRoot,
              .phase = Phase::kFiles,
              .label = "become root of the user namespace",
              .flags = ids.root_uid,
              .value = ids.root_gid});
  }
  plan.add({.kind = OpKind::kStdio, .phase = Phase::kSetup, .label = "connect the standard streams"});
  plan.add({.kind = OpKind::kUmask, .phase = Phase::kSetup, .label = "set the umask", .mode = 022});
  plan.add({.kind = OpKind::kExec, .phase = Phase::kExec, .label = cat("run ", hook.path)});
  plan.argv = hook_arguments(hook);
  plan.envp = hook_environment(hook, own_environment);
  plan.candidates = {hook.path};
  return plan;
}

Result<Plan> program_plan(const oci::Hook& hook, const Container& container, const oci::Spec& spec,
                          char** own_environment) {
  oci::Process process = spec.process;
  process.terminal = false;
  process.args = hook_arguments(hook);
  process.env = hook_environment(hook, own_environment);
  ASSIGN_OR_RETURN(const auto plan, compile_inside(container, spec, process));
  plan->candidates = {hook.path};
  return std::move(*plan);
}

Result<int> wait_for_hook(int pidfd, std::chrono::steady_clock::time_point deadline) {
  using std::chrono::milliseconds;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left <= milliseconds(0)) break;
    pollfd ended{pidfd, POLLIN, 0};
    const int turn = static_cast<int>(std::min(left, milliseconds(std::chrono::hours(1))).count());
    const int ready = ::poll(&ended, 1, turn);
    if (ready > 0) return wait_for_end(pidfd);
    if (ready < 0 && errno != EINTR) return Error::from_errno(errno, "poll", "a hook");
  }
  RETURN_IF_ERROR(signal_process(pidfd, SIGKILL));
  RETURN_IF_ERROR(wait_for_end(pidfd));
  return Error(Code::kDeadlineExceeded, "did not end in time and was killed");
}

Result<void> run_hook_inside(const HookPoint& point, HookRights rights, const oci::Hook& hook,
                             Container& container, const oci::Spec& spec, int target) {
  ASSIGN_OR_RETURN(const UniqueFd state, state_file(point.state));
  ASSIGN_OR_RETURN(PlanResources resources, resources_inside(container, target, container.record().cgroup));
  auto plan = rights == HookRights::kMaker ? Result<Plan>(maker_plan(hook, spec, point.environment))
                                           : program_plan(hook, container, spec, point.environment);
  if (!plan) return std::move(plan).error();
  ASSIGN_OR_RETURN(LaunchOrder order, order_inside(*std::move(plan), std::move(resources)));
  order.stdio = {state.get(), STDERR_FILENO, STDERR_FILENO};
  const auto deadline = deadline_of(hook);
  ASSIGN_OR_RETURN(LaunchedChild child, LaunchedChild::start(std::move(order)));
  if (auto ran = child.wait_for_exec(); !ran) {
    if (child.pidfd() >= 0) (void)wait_for_end(child.pidfd());
    return ran;
  }
  ASSIGN_OR_RETURN(const int status, wait_for_hook(child.pidfd(), deadline));
  if (status == 0) return {};
  return Error(Code::kInternal, cat("exit status ", status));
}

}  // namespace

Result<void> run_hooks(const HookPoint& point) {
  for (const oci::Hook& hook : point.hooks) {
    auto ran = run_hook(point, hook);
    if (!ran) return hook_failure(point, hook, std::move(ran).error());
  }
  return {};
}

Result<void> run_hooks_inside(const HookPoint& point, HookRights rights, Container& container,
                              const oci::Spec& spec, int pidfd) {
  for (const oci::Hook& hook : point.hooks) {
    auto ran = run_hook_inside(point, rights, hook, container, spec, pidfd);
    if (!ran) return hook_failure(point, hook, std::move(ran).error());
  }
  return {};
}

}  // namespace berth::runtime::cli
