// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace berth::runtime {

/// System calls that RuntimeDefault allows without conditions on their arguments, by topic; with a
/// capability, only for containers that have it.
struct SyscallGroup {
  std::string_view topic;
  std::string_view capability;  ///< "" for every container
  std::string_view names;       ///< separated by blanks
};

std::span<const SyscallGroup> default_syscall_groups();

}  // namespace berth::runtime
