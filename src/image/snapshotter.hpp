// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "image/image_store.hpp"

namespace berth::image {

/// Writable root file systems of containers over an image's layers. A root file system is a
/// detached mount (fsopen overlay, lowerdir+ by descriptor, `volatile`): nothing appears in the
/// host's mount table, and the last closed descriptor or ended mount namespace unmounts it.
class Snapshotter {
 public:
  /// `root`: <daemon root>/snapshots. Keys not in `known_keys` are leftovers and are removed in the
  /// background.
  static Result<std::unique_ptr<Snapshotter>> open(const std::string& root, ImageStore& store);
  virtual ~Snapshotter() = default;

  /// Creates upper and work directories under `key` (a container ID) and mounts. The directory is
  /// marked before it is used, so that a crash leaves nothing that sweep() does not know.
  /// With `id_map`, a user namespace, the image's files are shown by its maps; what is written belongs to the
  /// host's ids of whoever writes.
  virtual Result<UniqueFd> prepare(const std::string& key, const Image& image, int id_map = -1) = 0;
  /// Read-only mount of an image alone (image volumes), or of a directory `inside` it, detached.
  virtual Result<UniqueFd> mount_image(const Image& image, int id_map = -1,
                                       const std::string& inside = "") = 0;
  /// Whether this kernel and this file system can do `id_map`: kFailedPrecondition says why not. Mounts once.
  virtual Result<void> check_id_map(int id_map) const = 0;
  /// Moves the key's files out of sight at once and deletes them in the background. Absent is success.
  virtual Result<void> remove(const std::string& key) = 0;
  /// Keys on disk, for recovery.
  virtual std::vector<std::string> keys() const = 0;

  struct Usage {
    std::uint64_t bytes = 0;
    std::uint64_t inodes = 0;
  };
  /// Walks the upper directory: blocks on the disk; never called from List or Status.
  virtual Result<Usage> usage(const std::string& key) const = 0;
  virtual std::string upper_dir(const std::string& key) const = 0;
};

}  // namespace berth::image
