// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "runtime/cli/container.hpp"
#include "runtime/cli/launched_child.hpp"
#include "runtime/plan.hpp"
#include "runtime/plan_model.hpp"

/// Plans of further processes in a container: commands and hooks.
namespace berth::runtime::cli {

/// With the rights, the limits and the filter that `process` and `spec` say.
Result<std::unique_ptr<Plan>> compile_inside(const Container& container, const oci::Spec& spec,
                                             const oci::Process& process);

/// The cgroup for one more process: the container's own, or that of its init, when the container has given
/// controllers to groups below its own, which then takes no processes. Only in v2 alone can it do that. Empty
/// when it has none.
Result<std::string> group_for_more(Container& container);

/// What such a plan needs: `target` (a pidfd, borrowed) has the namespaces, `cgroup` is the group, or empty.
Result<PlanResources> resources_inside(Container& container, int target, const std::string& cgroup);

/// The order to launch it.
Result<LaunchOrder> order_inside(Plan&& plan, PlanResources resources);

}  // namespace berth::runtime::cli
