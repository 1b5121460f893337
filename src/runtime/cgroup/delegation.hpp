// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "runtime/cgroup/hierarchies.hpp"
#include "runtime/oci/spec.hpp"

namespace berth::runtime::cgroup {

/// Whether a container gets its own cgroup: it has a cgroup namespace of its own, and a cgroup mount
/// in it that it may write to. Anything less and its files stay the host's.
bool is_delegated(const oci::Spec& spec);

/// Makes `uid` the owner of the group's directory in the unified hierarchy, and of the files in it
/// that the kernel lists in `list_path` (/sys/kernel/cgroup/delegate); files that are not there are
/// passed over. Nothing else: limits are the parent's, and v1 has no safe delegation at all.
Result<void> delegate_group(const Layout& layout, const std::string& group, std::uint32_t uid,
                            const std::string& list_path = "/sys/kernel/cgroup/delegate");

}  // namespace berth::runtime::cgroup
