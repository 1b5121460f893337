// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::image {

/// openat2(2) beneath `root` that refuses every symbolic link, except as the last component with
/// O_PATH|O_NOFOLLOW. `path` "" is the root itself. The errno stays in the error.
Result<UniqueFd> open_no_links(int root, const std::string& path, int flags);

/// A whiteout of overlayfs: character device 0:0.
bool is_whiteout(const struct stat& status);
bool is_opaque(int directory);  ///< not an O_PATH descriptor

/// The layers below as one tree, looked at without mounting them.
class LayerLowers {
 public:
  LayerLowers(std::vector<int> lowers, bool complete) : lowers_(std::move(lowers)), complete_(complete) {}

  struct Found {
    int layer = -1;  ///< root of the layer that has it, borrowed
    struct stat status {};
  };
  /// `path` without symbolic links in its directories; the last one is not followed. Nothing when
  /// absent or whited out. kFailedPrecondition (kNeedsLowerLayer) when only a missing layer knows.
  Result<std::optional<Found>> find(const std::string& path) const;

 private:
  std::vector<int> lowers_;
  bool complete_;
};

}  // namespace berth::image
