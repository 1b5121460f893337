// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "runtime/cgroup/hierarchies.hpp"
#include "runtime/cgroup/resources.hpp"

namespace berth::runtime::cgroup {

/// The writes that bring one v2 controller to `resources`. `cpu_max_before` is the content of
/// cpu.max ("max 100000"), from which a quota is kept when only the period changes. Pure.
Result<std::vector<Setting>> v2_settings(std::string_view controller, const oci::Resources& resources,
                                         std::string_view cpu_max_before);

/// The verbatim files, one setting per line of their value; written after everything else, so that
/// they win. kFailedPrecondition when `unified` has no such controller (or is null).
Result<std::vector<Setting>> unified_settings(const oci::Resources& resources,
                                              const MountedHierarchy* unified);

/// Makes the hierarchy's controllers available in `group` by enabling them from the root downwards.
/// A controller that cannot be enabled is an error only when `required` names it.
Result<void> enable_controllers(const MountedHierarchy& unified, const std::string& group,
                                const std::vector<std::string>& required);

}  // namespace berth::runtime::cgroup
