// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.hpp"

namespace berth::runtime::cli {

/// Connects to the listening stream socket at `path` and sends a terminal's master in one message.
Result<void> send_terminal(const std::string& path, int master);

}  // namespace berth::runtime::cli
