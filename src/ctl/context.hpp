// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "base/result.hpp"

namespace berth::ctl {

/// What the global options said, and what the chosen verb left to do once all of the line is read.
struct Context {
  std::string socket = "unix:///run/berth/berth.sock";
  std::string config_path = "/etc/berth/berth.toml";
  bool config_named = false;  ///< --config was given: the file must be there
  bool show_crictl = false;
  std::function<Result<int>()> action;  ///< the exit status, or why there is none
};

}  // namespace berth::ctl
