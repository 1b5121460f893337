// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/result.hpp"

namespace berth::runtime::cli {

/// "KILL", "SIGKILL", "sigkill", "9", "RTMIN+3". kInvalidArgument for anything else.
Result<int> parse_signal(std::string_view text);

}  // namespace berth::runtime::cli
