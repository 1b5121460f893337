// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "image/layer_apply.hpp"
#include "image/layer_apply_attributes.hpp"
#include "image/layer_apply_lowers.hpp"

namespace berth::image {

/// The layer under construction: finds the directory that an entry goes into, and makes it as the
/// layers below have it when the tar does not list it. Owns what must wait until the end: modes,
/// times and default ACLs of directories, which creating files inside them would disturb.
class LayerTree {
 public:
  explicit LayerTree(const LayerTarget& target);

  /// The directory `path` (normalised, "" is the root), valid until the next call. Symbolic links
  /// on the way are followed inside the tree that results from this layer and those below.
  /// `for_whiteout`: nothing is made where nothing could be hidden; the error then has ENOTDIR.
  Result<int> open_directory(const std::string& path, bool for_whiteout = false);

  /// The same, but tells where the walk ended: for looking into the layers below.
  struct Located {
    int directory = -1;
    std::string real_path;
    bool hidden = false;  ///< nothing shines through from below
  };
  Result<Located> locate_directory(const std::string& path);

  /// mkdir, or keep the directory that is there; anything else there is replaced.
  Result<void> make_directory(const Place& place);
  /// Removes what is there, if anything. Never the root.
  Result<void> clear(const Place& place);

  /// A ".wh.NAME" entry for `place`.
  Result<void> white_out(const Place& place);
  Result<void> make_opaque(int parent, const std::string& name);

  struct DirectoryAttributes {
    std::string path;  ///< as the tar named it
    std::uint32_t mode = 0755;
    std::int64_t mtime_s = 0;
    std::uint32_t mtime_ns = 0;
    Xattrs late_xattrs;
  };
  /// Remembers, for finish(); a later call for the same directory replaces the earlier one.
  Result<void> finish_later(const Place& place, DirectoryAttributes attributes);
  Result<void> finish();

  /// kResourceExhausted when the layer has grown too large.
  Result<void> count(std::uint64_t inodes, std::uint64_t bytes);
  const LayerTotals& totals() const { return totals_; }
  const LayerLowers& lowers() const { return lowers_; }
  int root() const { return target_.root; }

 private:
  using Inode = std::pair<dev_t, ino_t>;

  struct Walk;
  Result<void> walk_to(const std::string& path, bool for_whiteout, Walk& walk);
  Result<std::optional<std::string>> walk_once(const std::string& path, bool for_whiteout, Walk& walk);
  Result<std::optional<std::string>> step(Walk& walk, const std::string& name, bool for_whiteout);
  Result<std::optional<std::string>> step_below(Walk& walk, const std::string& name, bool for_whiteout);
  Result<void> enter(Walk& walk, const std::string& name);
  Result<void> imply_directory(Walk& walk, const std::string& name, const LayerLowers::Found* below);
  Result<bool> was_whited_out(const Place& place) const;

  const LayerTarget& target_;
  LayerLowers lowers_;
  LayerTotals totals_;
  std::string cached_path_;
  UniqueFd cached_;
  std::set<std::pair<ino_t, std::string>> whited_out_;
  std::map<Inode, DirectoryAttributes> unfinished_;
  std::uint64_t unfinished_bytes_ = 0;
};

}  // namespace berth::image
