// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::runtime::cli {

/// berth-pid1, which is part of this program, as a sealed executable in memory: what a container
/// could reach through /proc/PID/exe is a copy that nobody can write to (CVE-2019-5736).
Result<UniqueFd> pid1_program();
/// Its bytes.
std::string_view pid1_image();

}  // namespace berth::runtime::cli
