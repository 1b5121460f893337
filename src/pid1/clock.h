// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>
#include <time.h>

namespace berth::pid1 {

inline int64_t now_ns(clockid_t clock) {
  timespec now = {};
  ::clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1000000000 + now.tv_nsec;
}
/// For deadlines.
inline int64_t monotonic_ns() {
  return now_ns(CLOCK_MONOTONIC);
}
/// For records.
inline int64_t realtime_ns() {
  return now_ns(CLOCK_REALTIME);
}

inline constexpr int64_t kMillisecond = 1000000;

}  // namespace berth::pid1
