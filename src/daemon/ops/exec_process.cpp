// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/exec_process.hpp"

#include <algorithm>
#include <csignal>

#include "base/cat.hpp"
#include "base/digest.hpp"
#include "daemon/ops/container_launch.hpp"
#include "daemon/ops/retry.hpp"

namespace berth::daemon {
namespace {

runtime::ExecTarget target_of(const Container& container) {
  const oci::Spec& spec = container.record().spec;
  std::set<oci::NamespaceType> namespaces;
  for (const auto& entry : spec.linux_.namespaces) namespaces.insert(entry.type);
  return runtime::exec_target(spec, spec.process, std::move(namespaces), container.id(), "");
}

/// Programs look there for what the terminal can do.
void name_terminal(std::vector<std::string>& env) {
  const bool named =
      std::ranges::any_of(env, [](const std::string& entry) { return entry.starts_with("TERM="); });
  if (!named) env.push_back("TERM=xterm");
}

}  // namespace

ExecProcess::ExecProcess(Services& with, ContainerPtr container, std::shared_ptr<runtime::ShimClient> shim)
    : with_(with),
      container_(std::move(container)),
      shim_(std::move(shim)),
      id_(random_id()),
      leaf_(cat("exec-", id_.substr(0, 16))) {}

ExecProcess::~ExecProcess() {
  if (!has_leaf_) return;
  const auto remove = [&with = with_, parent = container_->record().cgroup, leaf = leaf_] {
    return with.cgroups->remove_leaf(parent, leaf);
  };
  // What v1's freezer holds does not end.
  if (!remove())
    retry_until_done(with_, cat("remove cgroup ", container_->record().cgroup, "/", leaf_), remove);
}

Result<std::unique_ptr<ExecProcess>> ExecProcess::create(Services& with, const std::string& container_id,
                                                         std::vector<std::string> args) {
  ASSIGN_OR_RETURN(ContainerPtr container, with.containers.find(container_id));
  if (args.empty()) return Error(Code::kInvalidArgument, "cmd is empty");
  if (container->snapshot().state != cri::CONTAINER_RUNNING)
    return Error(Code::kFailedPrecondition, cat("container ", container->id(), " is not running"));
  ASSIGN_OR_RETURN(const PodPtr pod, with.pods.find(container->record().pod_id));
  ASSIGN_OR_RETURN(auto shim, shim_of(*pod));
  std::unique_ptr<ExecProcess> made(new ExecProcess(with, std::move(container), std::move(shim)));
  made->story_ = cat("exec \"", args.front(), "\" in container ", made->container_->id());
  return made;
}

Result<runtime::cgroup::JoinFds> ExecProcess::create_cgroup() {
  const std::string& parent = container_->record().cgroup;
  ASSIGN_OR_RETURN(auto join, with_.cgroups->open_join(parent));
  auto leaf = with_.cgroups->create_leaf(parent, leaf_);
  if (leaf) {
    join.v2 = *std::move(leaf);
    has_leaf_ = true;
  } else if (leaf.error().code() != Code::kFailedPrecondition) {
    return std::move(leaf).error();
  }
  return join;
}

/// After a restart of the daemon it is compiled again, once.
Result<std::shared_ptr<const runtime::SeccompProgram>> ExecProcess::filter() {
  const auto& profile = container_->record().spec.linux_.seccomp;
  if (!profile) return std::shared_ptr<const runtime::SeccompProgram>();
  if (auto known = *container_->seccomp.lock()) return known;
  ASSIGN_OR_RETURN(auto compiled, with_.seccomp.compile(*profile));
  *container_->seccomp.lock() = compiled;
  return compiled;
}

Result<runtime::LaunchPlan> ExecProcess::plan(const Command& command) {
  ASSIGN_OR_RETURN(auto join, create_cgroup());
  oci::Process process = container_->record().spec.process;
  process.args = command.args;
  process.terminal = command.terminal;
  process.create_cwd = false;
  if (command.terminal) name_terminal(process.env);
  ASSIGN_OR_RETURN(auto compiled_filter, filter());
  ASSIGN_OR_RETURN(auto plan,
                   runtime::compile_exec(process, target_of(*container_), std::move(compiled_filter)));
  runtime::PlanResources resources;
  resources.cgroup_tasks = std::move(join.tasks);
  resources.cgroup_v2 = std::move(join.v2);
  ASSIGN_OR_RETURN(resources.target, open_process(container_->snapshot().process));
  return runtime::materialise(std::move(*plan), std::move(resources));
}

Result<void> ExecProcess::refuse_paused() const {
  if (!with_.cgroups->is_frozen(container_->record().cgroup)) return {};
  return Error(Code::kFailedPrecondition, "the container is paused: its cgroup is frozen");
}

Result<UniqueFd> ExecProcess::launch_program(Command command, Clock::time_point until) {
  runtime::ShimClient::LaunchRequest request;
  request.id = id_;
  request.flags = shim::kExecObject | (command.terminal ? shim::kTerminal : shim::kGivenStdio);
  ASSIGN_OR_RETURN(request.plan, plan(command));
  std::ranges::move(command.stdio, request.stdio);
  ASSIGN_OR_RETURN(auto launched, shim_->launch(std::move(request), std::min(until, shim_deadline())));
  if (command.terminal && !launched.terminal)
    return Error(Code::kUnavailable, "the pod's shim is older than terminals for execs; recreate the pod");
  return std::move(launched.terminal);
}

Result<UniqueFd> ExecProcess::launch(Command command, Clock::time_point until) {
  RETURN_IF_ERROR(refuse_paused().context(std::string(story_)));
  auto launched = launch_program(std::move(command), until);
  if (launched) return launched;
  kill();
  RETURN_IF_ERROR(refuse_paused().context(std::string(story_)));
  return std::move(launched).context(std::string(story_));
}

void ExecProcess::kill() {
  kill_rest();
  (void)shim_->signal(id_, SIGKILL);
}

void ExecProcess::kill_rest() {
  if (has_leaf_) (void)with_.cgroups->kill(cat(container_->record().cgroup, "/", leaf_));
}

}  // namespace berth::daemon
