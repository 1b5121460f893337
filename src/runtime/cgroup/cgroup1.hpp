// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "runtime/cgroup/resources.hpp"

namespace berth::runtime::cgroup {

/// What a group's memory limits are before they are changed: the kernel wants limit <= memory+swap
/// at every moment, so the order of the two writes depends on the direction. UINT64_MAX: unlimited.
struct MemoryBefore {
  std::uint64_t limit = UINT64_MAX;
  std::uint64_t memory_plus_swap = UINT64_MAX;
};

/// The writes that bring one v1 controller ("cpu", "memory", "blkio", "net_cls", ...) to
/// `resources`, in the order in which the kernel takes them. Pure.
Result<std::vector<Setting>> v1_settings(std::string_view controller, const oci::Resources& resources,
                                         const MemoryBefore& before);

}  // namespace berth::runtime::cgroup
