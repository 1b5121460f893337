// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace berth::runtime {

/// What a list of mount options means to the new mount API. A later option overrides an earlier
/// one; "set to off" (clear) and "never mentioned" are told apart, because a bind keeps what was
/// not mentioned.
struct MountOptions {
  std::uint64_t set = 0, clear = 0;                      ///< MOUNT_ATTR_* of the mount itself
  std::uint64_t recursive_set = 0, recursive_clear = 0;  ///< of the whole tree ("rro", "rnosuid", ...)
  std::uint64_t propagation = 0;                         ///< MS_SHARED, MS_SLAVE, ... or 0: not mentioned
  bool propagation_recursive = false;
  bool bind = false;
  bool recursive_bind = false;
  bool remount = false;
  bool id_mapped = false;          ///< "idmap", "ridmap"
  bool id_mapped_tree = false;     ///< "ridmap"
  bool copy_up = false;            ///< "tmpcopyup"
  bool follow_source = true;       ///< not "src-nofollow"
  bool follow_destination = true;  ///< not "dest-nofollow"
  std::vector<std::string> data;   ///< for the file system: flags ("sync") and "key=value"
};

/// Parses the runtime-spec's vocabulary (config.md, "Linux mount options"). What it does not name
/// is data of the file system; with a bind it is kInvalidArgument. `is_bind`: the mount's type
/// already says that it is one.
Result<MountOptions> parse_mount_options(const std::vector<std::string>& options, bool is_bind);

/// "ro,nosuid,nodev" for dumps; "-" when nothing is set.
std::string format_mount_attributes(std::uint64_t attributes);

/// "rslave" and its kin to MS_* without MS_REC; false when the word is none of them.
bool parse_propagation(std::string_view word, std::uint64_t& flag, bool& recursive);

/// "private" for MS_PRIVATE, for dumps.
std::string_view format_propagation(std::uint64_t flag);

}  // namespace berth::runtime
