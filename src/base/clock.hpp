// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace berth {

/// Wall-clock nanoseconds since 1970, for reporting only; timers use steady_clock.
std::int64_t now_ns();
/// "2026-01-02T03:04:05.123456789Z"
std::string rfc3339(std::int64_t ns);

}  // namespace berth
