// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::runtime::cli {

/// A completion script for "bash", "zsh" or "fish", from the table of verbs.
Result<std::string> completion(std::string_view shell);

}  // namespace berth::runtime::cli
