// SPDX-License-Identifier: Apache-2.0
#include "runtime/plan.hpp"

#include <algorithm>

#include "base/cat.hpp"
#include "runtime/oci/spec_check.hpp"
#include "runtime/plan/parts.hpp"

namespace berth::runtime {
namespace {

/// The parts know their phases, not each other; the sort puts the phases in order and keeps the
/// order of calls within each.
Result<std::unique_ptr<Plan>> finish(std::unique_ptr<Plan> plan) {
  std::stable_sort(plan->ops.begin(), plan->ops.end(),
                   [](const PlannedOp& a, const PlannedOp& b) { return a.phase < b.phase; });
  if (plan->ops.size() > plan::kMaxOps) {
    return Error(Code::kInvalidArgument,
                 cat("the container needs ", plan->ops.size(), " set-up steps, more than ", plan::kMaxOps));
  }
  return plan;
}

/// What the process is given before it enters a namespace, in which it may have lost the right to it
/// or the host's /proc.
Result<void> add_resources(const oci::Spec& spec, const CompileOptions& options, Plan& plan) {
  const bool foreign = plan_parts::in_user_namespace(spec, options);
  const plan::By by = foreign ? plan::By::kMidwifeBefore : plan::By::kChild;
  plan_parts::add_id_maps(spec, options, plan);
  plan_parts::add_cgroups(plan);
  plan_parts::add_resctrl(spec, options, plan);
  plan_parts::add_oom_score(spec.process, by, plan);
  if (foreign) RETURN_IF_ERROR(plan_parts::add_early_limits(spec.process, by, plan));
  RETURN_IF_ERROR(plan_parts::add_scheduling(spec.process, by, plan));
  RETURN_IF_ERROR(plan_parts::add_memory_policy(spec.linux_, plan));
  return plan_parts::add_net_devices(spec, options, plan);
}

/// As root of a user namespace, so that what an exec makes there has an owner.
void add_exec_identity(const ExecTarget& target, Plan& plan) {
  plan.in_user_namespace = target.namespaces.count(oci::NamespaceType::kUser) != 0;
  if (!plan.in_user_namespace) return;
  plan.add({.kind = plan::OpKind::kBecomeRoot,
            .phase = plan::Phase::kFiles,
            .label = cat("become ", target.root_uid, ":", target.root_gid, " of the user namespace"),
            .flags = target.root_uid,
            .value = target.root_gid});
}

}  // namespace

Result<std::unique_ptr<Plan>> compile_container(const oci::Spec& spec, const CompileOptions& options) {
  RETURN_IF_ERROR(oci::check_spec(spec));
  auto plan = std::make_unique<Plan>();
  plan->title = "container";
  RETURN_IF_ERROR(add_resources(spec, options, *plan));
  RETURN_IF_ERROR(plan_parts::add_namespaces(spec, options, *plan));
  RETURN_IF_ERROR(plan_parts::add_rootfs(spec, options, *plan));
  plan_parts::add_root_identity(spec, options, *plan);
  plan_parts::add_sysctls(spec, *plan);
  RETURN_IF_ERROR(plan_parts::add_mounts(spec, options, *plan));
  RETURN_IF_ERROR(plan_parts::add_devices(spec, options, *plan));
  plan_parts::add_working_dir(spec, *plan);
  if (options.stops_for_hooks) plan_parts::add_sync(*plan);
  plan_parts::add_path_confinement(spec, *plan);
  RETURN_IF_ERROR(plan_parts::add_hostname(spec, options, *plan));
  RETURN_IF_ERROR(plan_parts::add_process_setup(spec.process, plan_parts::host_uid(spec, options), *plan));
  RETURN_IF_ERROR(plan_parts::add_personality(spec.linux_, *plan));
  RETURN_IF_ERROR(plan_parts::add_privileges(
      spec.process, options.seccomp, seccomp_agent(spec, options.container_id, options.bundle), *plan));
  plan_parts::add_gate(*plan);
  RETURN_IF_ERROR(plan_parts::add_program(spec.process, *plan));
  return finish(std::move(plan));
}

Result<std::unique_ptr<Plan>> compile_exec(const oci::Process& process, const ExecTarget& target,
                                           std::shared_ptr<const SeccompProgram> seccomp) {
  RETURN_IF_ERROR(oci::check_process(process));
  auto plan = std::make_unique<Plan>();
  plan->title = "exec";
  RETURN_IF_ERROR(plan_parts::add_initial_affinity(process, *plan));
  plan_parts::add_cgroups(*plan);
  RETURN_IF_ERROR(plan_parts::add_final_affinity(process, *plan));
  // The setns takes the host's /proc away, and with a user namespace the host's rights.
  plan_parts::add_oom_score(process, plan::By::kChild, *plan);
  if (target.namespaces.count(oci::NamespaceType::kUser) != 0)
    RETURN_IF_ERROR(plan_parts::add_early_limits(process, plan::By::kChild, *plan));
  RETURN_IF_ERROR(plan_parts::add_scheduling(process, plan::By::kChild, *plan));
  RETURN_IF_ERROR(plan_parts::add_exec_namespaces(target, *plan));
  add_exec_identity(target, *plan);
  RETURN_IF_ERROR(plan_parts::add_process_setup(process, target.host_uid, *plan));
  RETURN_IF_ERROR(plan_parts::add_privileges(process, std::move(seccomp), target.agent, *plan));
  RETURN_IF_ERROR(plan_parts::add_program(process, *plan));
  return finish(std::move(plan));
}

}  // namespace berth::runtime
