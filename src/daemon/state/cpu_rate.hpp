// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/guarded.hpp"

namespace berth::daemon {

/// The present rate of CPU time, from readings that somebody takes now and then.
class CpuRate {
 public:
  /// Nanoseconds of CPU time per second between this reading and the one before; absent for the first. A
  /// reading that comes too soon after the last one changes nothing: the rate would be noise.
  std::optional<std::uint64_t> update(std::int64_t now_ns, std::uint64_t usage_ns) {
    constexpr std::int64_t kShortest = 100'000'000;
    auto last = last_.lock();
    if (last->taken_ns != 0 && now_ns - last->taken_ns < kShortest) return last->nano_cores;
    if (last->taken_ns != 0 && usage_ns >= last->usage_ns) {
      const double seconds = static_cast<double>(now_ns - last->taken_ns) / 1e9;
      last->nano_cores = static_cast<std::uint64_t>(static_cast<double>(usage_ns - last->usage_ns) / seconds);
    }
    last->taken_ns = now_ns;
    last->usage_ns = usage_ns;
    return last->nano_cores;
  }

 private:
  struct Reading {
    std::int64_t taken_ns = 0;
    std::uint64_t usage_ns = 0;
    std::optional<std::uint64_t> nano_cores;
  };
  Guarded<Reading> last_;
};

}  // namespace berth::daemon
