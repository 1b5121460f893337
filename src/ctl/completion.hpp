// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace berth::ctl {

/// A completion script for "bash", "zsh" or "fish", from the verbs and flags that `cli` has.
std::string completion(const CLI::App& cli, const std::string& shell);

}  // namespace berth::ctl
