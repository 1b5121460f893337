// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "daemon/config.hpp"

namespace CLI {
class App;
}

namespace berth::daemon {

/// berthd's command line: where the configuration is, and what overrides it.
class Flags {
 public:
  explicit Flags(CLI::App& cli);
  Flags(const Flags&) = delete;
  Flags& operator=(const Flags&) = delete;
  /// File, drop-ins, then the flags that were given; checked.
  Result<LoadedConfig> load() const;

 private:
  std::string config_path_ = "/etc/berth/berth.toml";
  CLI::App& cli_;
  Config values_;
};

}  // namespace berth::daemon
