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

}  // namespace

Result<std::unique_ptr<Plan>> compile_container(const oci::Spec& spec, const CompileOptions& options) {
  RETURN_IF_ERROR(oci::check_spec(spec));
  auto plan = std::make_unique<Plan>();
  plan->title = "container";
  plan_parts::add_cgroups(*plan);
  RETURN_IF_ERROR(plan_parts::add_namespaces(spec, options, *plan));
  plan_parts::add_oom_score(spec.process, *plan);
  RETURN_IF_ERROR(plan_parts::add_rootfs(spec, options, *plan));
  RETURN_IF_ERROR(plan_parts::add_mounts(spec, *plan));
  RETURN_IF_ERROR(plan_parts::add_devices(spec, *plan));
  plan_parts::add_working_dir(spec, *plan);
  if (options.stops_for_hooks) plan_parts::add_sync(*plan);
  plan_parts::add_path_confinement(spec, *plan);
  RETURN_IF_ERROR(plan_parts::add_hostname(spec, options, *plan));
  RETURN_IF_ERROR(plan_parts::add_process_setup(spec.process, *plan));
  RETURN_IF_ERROR(plan_parts::add_privileges(spec.process, options.seccomp, *plan));
  plan_parts::add_gate(*plan);
  RETURN_IF_ERROR(plan_parts::add_program(spec.process, *plan));
  return finish(std::move(plan));
}

Result<std::unique_ptr<Plan>> compile_exec(const oci::Process& process, const ExecTarget& target,
                                           std::shared_ptr<const SeccompProgram> seccomp) {
  RETURN_IF_ERROR(oci::check_process(process));
  auto plan = std::make_unique<Plan>();
  plan->title = "exec";
  plan_parts::add_cgroups(*plan);
  // The setns takes the host's /proc away, so what is written there comes first.
  plan_parts::add_oom_score(process, *plan);
  RETURN_IF_ERROR(plan_parts::add_exec_namespaces(target, *plan));
  RETURN_IF_ERROR(plan_parts::add_process_setup(process, *plan));
  RETURN_IF_ERROR(plan_parts::add_privileges(process, std::move(seccomp), *plan));
  RETURN_IF_ERROR(plan_parts::add_program(process, *plan));
  return finish(std::move(plan));
}

}  // namespace berth::runtime
