// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/container_plan.hpp"

#include <fcntl.h>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/cgroup/hierarchies.hpp"
#include "runtime/cli/container_namespaces.hpp"
#include "runtime/cli/rootless.hpp"
#include "runtime/seccomp_program.hpp"

namespace berth::runtime::cli {

Result<std::unique_ptr<Plan>> compile_inside(const Container& container, const oci::Spec& spec,
                                             const oci::Process& process) {
  std::shared_ptr<const SeccompProgram> filter;
  if (spec.linux_.seccomp) {
    ASSIGN_OR_RETURN(SeccompProgram program, compile_seccomp(*spec.linux_.seccomp));
    filter = std::make_shared<const SeccompProgram>(std::move(program));
  }
  ASSIGN_OR_RETURN(auto plan,
                   compile_exec(process,
                                exec_target(spec, process, container_namespaces(spec.linux_.namespaces),
                                            container.id(), container.record().bundle),
                                std::move(filter)));
  RETURN_IF_ERROR(keep_to_rights(container.context().globals, process.user, *plan));
  return plan;
}

Result<std::string> group_for_more(Container& container) {
  constexpr std::size_t kMaxGroupFile = 64U << 10;
  const Record& record = container.record();
  if (record.cgroup.empty()) return record.cgroup;
  ASSIGN_OR_RETURN(cgroup::Manager* const cgroups, container.cgroups());
  if (!cgroups->is_unified()) return record.cgroup;
  const std::string given =
      cat(cgroups->hierarchies().front().mount_point, record.cgroup, "/cgroup.subtree_control");
  ASSIGN_OR_RETURN(const std::string controllers, read_file(given, kMaxGroupFile));
  if (controllers.find_first_not_of('\n') == std::string::npos) return record.cgroup;
  ASSIGN_OR_RETURN(const std::string text,
                   read_file(cat("/proc/", record.process.pid, "/cgroup"), kMaxGroupFile));
  ASSIGN_OR_RETURN(const auto groups, cgroup::parse_self_cgroup(text));
  for (const cgroup::SelfCgroup& group : groups) {
    if (group.controllers.empty() && group.path.starts_with(record.cgroup + "/")) return group.path;
  }
  return record.cgroup;
}

Result<PlanResources> resources_inside(Container& container, int target, const std::string& cgroup) {
  PlanResources resources;
  resources.target.reset(::fcntl(target, F_DUPFD_CLOEXEC, 0));
  if (cgroup.empty()) return resources;
  ASSIGN_OR_RETURN(cgroup::Manager* const cgroups, container.cgroups());
  ASSIGN_OR_RETURN(cgroup::JoinFds join, cgroups->open_join(cgroup));
  resources.cgroup_tasks = std::move(join.tasks);
  resources.cgroup_v2 = std::move(join.v2);
  return resources;
}

Result<LaunchOrder> order_inside(Plan&& plan, PlanResources resources) {
  LaunchOrder order;
  order.is_exec = true;
  const bool is_late =
      !std::holds_alternative<NoFd>(plan.join_pid) && !plan.in_user_namespace && !plan.joins_cgroup_late;
  if (is_late && resources.cgroup_v2)
    order.group.v2.reset(::fcntl(resources.cgroup_v2.get(), F_DUPFD_CLOEXEC, 0));
  ASSIGN_OR_RETURN(order.plan, materialise(std::move(plan), std::move(resources)));
  return order;
}

}  // namespace berth::runtime::cli
