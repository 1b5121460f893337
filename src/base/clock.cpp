// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

#include <array>
#include <chrono>
#include <cstdio>

namespace berth {

std::int64_t now_ns() {
  using std::chrono::nanoseconds;
  return std::chrono::duration_cast<nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string rfc3339(std::int64_t ns) {
  namespace ch = std::chrono;
  const ch::sys_time<ch::nanoseconds> when{ch::nanoseconds(ns)};
  const auto day = ch::floor<ch::days>(when);
  const ch::year_month_day date{day};
  const ch::hh_mm_ss<ch::nanoseconds> time{when - day};
  std::array<char, 64> text{};
  const int length =
      std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%09dZ", int{date.year()},
                    unsigned{date.month()}, unsigned{date.day()}, static_cast<int>(time.hours().count()),
                    static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
                    static_cast<int>(time.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(length)};
}

}  // namespace berth
