// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::runtime {

/// Clones the mount at `source` (with all below it when `recursive`) into a tree that is attached
/// nowhere: the host's mount table does not change, and closing the descriptor frees it.
/// kInvalidArgument when the source does not exist. Needs CAP_SYS_ADMIN.
/// `follow`: whether the last component may be a symbolic link.
Result<UniqueFd> clone_tree(const std::string& source, bool recursive, bool follow = true);

/// mount_setattr(2) on a detached tree: MOUNT_ATTR_* to set and clear, and MS_* propagation
/// (0: unchanged), for its top or for all of it. Nothing is done when there is nothing to change.
Result<void> set_attributes(int tree, std::uint64_t set, std::uint64_t clear, std::uint64_t propagation,
                            bool recursive, std::string_view subject);

}  // namespace berth::runtime
