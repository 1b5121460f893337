// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/table.hpp"

namespace berth::ctl {

/// "12.3 MiB".
std::string format_bytes(std::uint64_t bytes);
/// "4m", "3h", "2d": how long before `now_ns` a time of the CRI was; "-" for none.
std::string format_age(std::int64_t then_ns, std::int64_t now_ns);
/// The 13 characters of an ID or digest that people compare.
std::string short_id(std::string_view id);

}  // namespace berth::ctl
