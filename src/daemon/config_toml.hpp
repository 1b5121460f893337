// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "daemon/config.hpp"

namespace berth::daemon {

/// Merges one file's settings over `into`. `file` is what errors call it ("berth.toml:3: ..."), `origin` what
/// origins do. Always kInvalidArgument; `into` may then be half changed.
Result<void> merge_toml(std::string_view text, const std::string& file, const std::string& origin,
                        LoadedConfig& into);

}  // namespace berth::daemon
