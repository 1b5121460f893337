// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "runtime/cgroup/hierarchies.hpp"
#include "runtime/oci/resources.hpp"

namespace berth::runtime::cgroup {

/// Puts device rules in force for a group: through the v1 controller where that is mounted,
/// otherwise as a program in the unified hierarchy. No rules: nothing is done. On error the v1
/// list is put back, as far as it can be told from devices.list.
Result<void> apply_device_rules(const Layout& layout, const std::string& group,
                                const std::vector<oci::DeviceRule>& rules);

}  // namespace berth::runtime::cgroup
