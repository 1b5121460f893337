// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::image {

/// What the kernel accepts; one image must not have more.
inline constexpr std::size_t kMaxOverlayLowers = 500;

struct OverlayRequest {
  std::vector<std::string> lowers;  ///< topmost first; at least one, two without `upper`
  std::string upper, work;          ///< empty: read-only
  int id_map = -1;                  ///< a user namespace: lowers are shown by its maps (Linux 5.19)
  std::string scratch;              ///< an empty directory to mount on, for older kernels only
};

/// How lowers are handed to the kernel, best first; the others are for older kernels.
enum class OverlayApi : unsigned char {
  kDescriptors,  ///< lowerdir+ by descriptor, Linux 6.13
  kStrings,      ///< lowerdir+ by name, Linux 6.8
  kMount,        ///< mount(2), then a detached copy of it: for a moment in the host's mount table
};

/// A layer's directory; with a user namespace a detached mount of it that shows its files by that one's maps.
/// (The kernel refuses to map an overlay as a whole.) kFailedPrecondition when its file system cannot be
/// mapped.
Result<UniqueFd> open_lower(const std::string& directory, int id_map);

/// A directory of a detached mount, as a detached mount of its own; resolved within the mount. The mount
/// itself may not be detached any more afterwards (kernels before 6.15). `scratch`: an empty directory.
Result<UniqueFd> detach_directory(const UniqueFd& mount, const std::string& path, const std::string& scratch);

/// A detached overlay mount: `volatile` (nothing is ever synced: a container's files need not
/// outlive a power cut), no index, no metacopy, no redirects. Closing the descriptor unmounts.
/// Tries what the kernel knows, from `first` on.
Result<UniqueFd> mount_overlay(const OverlayRequest& request, OverlayApi first = OverlayApi::kDescriptors);

}  // namespace berth::image
