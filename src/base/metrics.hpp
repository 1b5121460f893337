// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace berth::metrics {

/// Counters and latency sums of the daemon, by name and one label. Lock held for a map lookup only.
void count(std::string_view name, std::string_view label, std::uint64_t amount = 1);
void observe(std::string_view name, std::string_view label, std::chrono::nanoseconds duration);
/// Prometheus text exposition format.
std::string expose();

}  // namespace berth::metrics
