// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace berth::runtime {

/// A verdict on a system call that libseccomp has no number for.
struct RecentSyscall {
  std::uint32_t number = 0;
  std::uint32_t action = 0;
};

/// The newest system call that a profile names, for one audit architecture. x32 shares x86_64's and
/// has its own numbers above bit 30.
struct NewestSyscall {
  std::uint32_t audit_arch = 0;
  std::optional<std::uint32_t> number;
  bool has_x32_range = false;               ///< audit_arch is x86_64
  std::optional<std::uint32_t> x32_number;  ///< absent: x32 is not in the profile
  std::vector<RecentSyscall> recent;        ///< at most 100, each once
};

/// Instructions that decide on the recent calls, answer ENOSYS for anything newer than the newest
/// number, where there is one, and fall through for the rest. Programs probe
/// for new system calls and fall back on ENOSYS, but give up on EPERM.
std::vector<sock_filter> enosys_stub(const std::vector<NewestSyscall>& newest);

}  // namespace berth::runtime
