// SPDX-License-Identifier: Apache-2.0
#include "ctl/table.hpp"

#include <algorithm>
#include <array>

#include "base/cat.hpp"

namespace berth::ctl {

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  std::uint64_t tenths = bytes * 10;
  for (; tenths >= 10240 && unit + 1 < kUnits.size(); ++unit) tenths /= 1024;
  if (unit == 0) return cat(bytes, " B");
  return cat(tenths / 10, ".", tenths % 10, " ", kUnits[unit]);
}

std::string format_age(std::int64_t then_ns, std::int64_t now_ns) {
  if (then_ns <= 0) return "-";
  const std::int64_t seconds = std::max<std::int64_t>(0, (now_ns - then_ns) / 1'000'000'000);
  if (seconds < 60) return cat(seconds, "s");
  if (seconds < 3600) return cat(seconds / 60, "m");
  if (seconds < 86400) return cat(seconds / 3600, "h");
  return cat(seconds / 86400, "d");
}

std::string short_id(std::string_view id) {
  if (id.starts_with("sha256:")) id.remove_prefix(7);
  return std::string(id.substr(0, 13));
}

}  // namespace berth::ctl
