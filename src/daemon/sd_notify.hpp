// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace berth::daemon {

/// sd_notify(3): tells the service manager, when there is one. Never blocks, never fails.
void sd_notify(std::string_view state);
/// Half of WATCHDOG_USEC when the manager watches this process.
std::optional<std::chrono::milliseconds> watchdog_interval();

}  // namespace berth::daemon
