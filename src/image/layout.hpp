// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace berth::image {

/// Where things are on disk.
///
///     <daemon root>/images/
///       lock                    held by the daemon that owns all this
///       images.db  -wal         SQLite: images, names, layers
///       layers/<number>/fs/     committed layers; exactly those in the database, and those in trash
///       staging/<number>/fs/    layers of pulls in flight; deleted at open
///       trash/<number>/         deleted in the background
///     <daemon root>/snapshots/
///       <key>/layers            numbers of the layers it stands on, one per line; there before the rest
///       <key>/upper/  work/     overlay
///       .trash/<key>.<n>/       deleted in the background
///       .empty/{a,b}/           lowers for images without layers
///
/// Names of the failpoints, in the order in which a pull and a removal pass them:
///
///     image.stage           a layer has been unpacked into staging
///     image.sync            before the one syncfs of a commit
///     image.rename          before each layer's move from staging to layers
///     image.rename-sync     before the fsync of layers
///     image.commit          before the transaction that makes the image visible
///     image.committed       after it
///     image.remove          before the transaction that removes an image
///     image.trash           before each layer's move to trash, after that transaction
///     snapshot.layers       a snapshot's directory exists, its list of layers does not
///     snapshot.mount        upper and work exist, nothing is mounted
///     snapshot.trash        before a snapshot's move to .trash
class ImageLayout {
 public:
  explicit ImageLayout(std::string root) : root_(std::move(root)) {}
  const std::string& root() const { return root_; }
  std::string lock() const { return root_ + "/lock"; }
  std::string database() const { return root_ + "/images.db"; }
  std::string layers() const { return root_ + "/layers"; }
  std::string staging() const { return root_ + "/staging"; }
  std::string trash() const { return root_ + "/trash"; }
  std::string layer(std::uint64_t number) const { return layers() + "/" + std::to_string(number); }
  std::string staged(std::uint64_t number) const { return staging() + "/" + std::to_string(number); }
  std::string trashed(std::uint64_t number) const { return trash() + "/" + std::to_string(number); }

 private:
  std::string root_;
};

class SnapshotLayout {
 public:
  explicit SnapshotLayout(std::string root) : root_(std::move(root)) {}
  const std::string& root() const { return root_; }
  std::string snapshot(const std::string& key) const { return root_ + "/" + key; }
  std::string layers(const std::string& key) const { return snapshot(key) + "/layers"; }
  std::string upper(const std::string& key) const { return snapshot(key) + "/upper"; }
  std::string work(const std::string& key) const { return snapshot(key) + "/work"; }
  std::string trash() const { return root_ + "/.trash"; }
  std::string empty() const { return root_ + "/.empty"; }

 private:
  std::string root_;
};

}  // namespace berth::image
