// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "netcni/conflist.hpp"

namespace berth::netcni {

/// What a configuration directory offers.
struct ConfDirContent {
  std::optional<Conflist> network;   ///< from the first valid file by name
  std::string file;                  ///< its path
  std::vector<std::string> skipped;  ///< why earlier files, or the directory, could not be used
};

/// Reads the directory: *.conflist, *.conf and *.json in the order of their names. Blocks on the disk,
/// but not on FIFOs or devices that lie there. A directory that does not exist is an empty one.
ConfDirContent read_conf_dir(const std::string& dir);

}  // namespace berth::netcni
