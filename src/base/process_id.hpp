// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth {

/// A process by pid and start time (field 22 of /proc/PID/stat), so that a recycled pid is never
/// mistaken for it. A bare pid is never stored nor signalled.
struct ProcessId {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  ///< clock ticks since boot
  friend bool operator==(const ProcessId&, const ProcessId&) = default;
};

/// Identity of a running process; kNotFound when there is none.
Result<ProcessId> identify_process(pid_t pid);

/// A pidfd for exactly this process; kNotFound when it is gone or the pid was recycled.
Result<UniqueFd> open_process(const ProcessId& id);

/// pidfd_send_signal; a process that has ended already is success.
Result<void> signal_process(int pidfd, int signal_number);

/// /proc/sys/kernel/random/boot_id without the newline.
Result<std::string> boot_id();

}  // namespace berth
