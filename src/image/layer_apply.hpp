// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "image/tar_reader.hpp"

namespace berth::image {

/// Where a layer's tar goes, by directory descriptors that the caller keeps open.
struct LayerTarget {
  int root = -1;                         ///< an empty directory
  std::vector<int> lowers;               ///< the layers below, topmost first, in their overlay form
  bool lowers_complete = true;           ///< false: there may be more below than is given
  std::uint64_t max_bytes = 1ULL << 40;  ///< copied up from below; the tar itself is bounded by its source
  std::uint64_t max_entries = 10'000'000;
};

struct LayerTotals {
  std::uint64_t bytes = 0;  ///< of file content
  std::uint64_t inodes = 0;
};

/// Turns one layer's tar into the directory tree that overlayfs wants as a lower: whiteouts become
/// character devices 0:0 and opaque directories an attribute. Every path is resolved inside the
/// target (openat2 RESOLVE_IN_ROOT), whatever links the layer has put there. Whiteouts hide what is
/// below, never what this layer brings, in whatever order the two come. Last entry of a name wins.
///
/// For a process of its own: sets the umask to 0 and changes the working directory. Needs the
/// rights to change owners, make devices and set trusted.* attributes, when the tar asks for them.
///
/// The root of a layer that does not describe its own root is marked with kImpliedRootXattr.
Result<LayerTotals> apply_layer(TarReader& tar, const LayerTarget& target);

/// Attributes below trusted.overlay. are invisible in the mounted overlay.
inline constexpr const char* kOpaqueXattr = "trusted.overlay.opaque";
inline constexpr const char* kImpliedRootXattr = "trusted.overlay.berth.implied_root";

}  // namespace berth::image
