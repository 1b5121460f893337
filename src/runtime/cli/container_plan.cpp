// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/container_plan.hpp"

#include <fcntl.h>

#include "runtime/cli/container_namespaces.hpp"
#include "runtime/seccomp_program.hpp"

namespace berth::runtime::cli {

Result<std::unique_ptr<Plan>> compile_inside(const Container& container, const oci::Spec& spec,
                                             const oci::Process& process) {
  std::shared_ptr<const SeccompProgram> filter;
  if (spec.linux_.seccomp) {
    ASSIGN_OR_RETURN(SeccompProgram program, compile_seccomp(*spec.linux_.seccomp));
    filter = std::make_shared<const SeccompProgram>(std::move(program));
  }
  return compile_exec(process,
                      exec_target(spec, process, container_namespaces(spec.linux_.namespaces), container.id(),
                                  container.record().bundle),
                      std::move(filter));
}

Result<PlanResources> resources_inside(Container& container, int target, const std::string& cgroup) {
  PlanResources resources;
  resources.target.reset(::fcntl(target, F_DUPFD_CLOEXEC, 0));
  ASSIGN_OR_RETURN(cgroup::Manager* const cgroups, container.cgroups());
  ASSIGN_OR_RETURN(cgroup::JoinFds join, cgroups->open_join(cgroup));
  resources.cgroup_tasks = std::move(join.tasks);
  resources.cgroup_v2 = std::move(join.v2);
  return resources;
}

}  // namespace berth::runtime::cli
