// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "image/image.hpp"

namespace berth::image {

/// What is on this node's disk: images, their names, their layers. Metadata in SQLite (WAL,
/// synchronous=FULL), read from memory: list(), find() and usage() never touch the disk. Committed
/// images are whole after a power cut; what was not committed is swept at open. Single owner: one
/// daemon per root (a lock file says so). Thread-safe.
class ImageStore {
 public:
  struct Options {
    std::string root;                 ///< <daemon root>/images
    std::vector<std::string> pinned;  ///< references, or parts of them with a '*' at one end or at both
    /// The Snapshotter's root: the layers its snapshots stand on are held from the start.
    std::string snapshots_root;
    /// Roots of other stores, read and never changed. Their images come after the own ones, count as pinned
    /// and cannot be removed.
    std::vector<std::string> additional_roots;
  };
  static Result<std::unique_ptr<ImageStore>> open(const Options& options);
  virtual ~ImageStore() = default;

  virtual std::vector<ImagePtr> list() const = 0;
  /// Any form: short name, name:tag, name@digest, full ID with or without "sha256:", unique ID
  /// prefix. Null when unknown. Names are normalised like a pull would ("busybox" is
  /// "docker.io/library/busybox:latest").
  virtual ImagePtr find(std::string_view reference) const = 0;
  /// The config of an image, byte by byte as it came. kNotFound for an unknown ID.
  virtual Result<std::string> config_json(const std::string& id) = 0;
  /// Drops the image with all its names, whichever of them `reference` was; absent is success.
  /// Files go in the background. kFailedPrecondition when a lease holds it as a volume, or it is in
  /// a read-only store.
  virtual Result<void> remove(std::string_view reference) = 0;

  /// The layer with this chain, committed or staged by a pull in flight. A pull takes each layer it
  /// needs through here, so that a layer that several images share is unpacked once.
  struct LayerSlot {
    std::optional<Layer> ready;  ///< already there
    std::string staging_dir;     ///< otherwise: unpack into <staging_dir>/fs
  };
  /// Blocks while another pull unpacks the same chain. The caller that receives a staging_dir must
  /// finish with commit_layer or abandon_layer.
  virtual Result<LayerSlot> reserve_layer(const std::string& chain_id, std::stop_token cancel) = 0;
  virtual Result<void> stage_layer(const std::string& chain_id, const Digest& diff_id, std::uint64_t size,
                                   std::uint64_t inodes) = 0;
  virtual void abandon_layer(const std::string& chain_id) = 0;

  /// One image becomes visible: one syncfs, renames, fsync of the parent, one transaction. Its
  /// layers must have been reserved and staged (or ready). An existing image gets the new names;
  /// a tag that pointed elsewhere moves.
  struct NewImage {
    std::string id;
    std::string config_json;    ///< raw bytes, kept
    std::string manifest_json;  ///< raw bytes, kept
    ImageConfig config;
    std::vector<std::string> chain_ids;
    std::string repo_tag;  ///< empty: pulled by digest
    std::vector<std::string> repo_digests;
    std::vector<Signature> signatures = {};  ///< are added to those that it has
  };
  virtual Result<ImagePtr> commit_image(const NewImage& image) = 0;

  enum class Health : std::uint8_t {
    kWhole,
    kDamaged,
    kUnknown,  ///< nothing had been recorded that it could be compared with
  };
  struct Check {
    Health health = Health::kWhole;
    std::string detail;  ///< what is wrong
  };
  /// Reads all of a committed layer's files and compares them with what was recorded when they were new. For
  /// a damaged one reserve_layer gives a new place from now on, so that the next pull or import of an image
  /// that has it brings it anew; with that commit all its images stand on the new files. Until then they stay
  /// on the old ones, and who holds those keeps them. kNotFound when the layer has gone.
  virtual Result<Check> check_layer(const Layer& layer, std::stop_token cancel) = 0;

  struct Usage {
    std::uint64_t bytes = 0;
    std::uint64_t inodes = 0;
    std::string mount_point;  ///< a path on the store's file system
  };
  virtual Usage usage() const = 0;
  /// While any key holds a layer its files stay, whatever happens to its images. Holding again adds.
  /// kNotFound when a layer has gone already. Held in memory: a snapshot's own list of layers
  /// (layout.hpp) restores it at open. A key that starts with kVolumeHold also makes remove() of an
  /// image of exactly these layers fail.
  static constexpr std::string_view kVolumeHold = "volume:";
  virtual Result<void> hold_layers(const std::string& key, const std::vector<Layer>& layers) = 0;
  virtual void release_layers(const std::string& key) = 0;

  /// Directory of a layer's files, for overlay mounts; of a staged layer, where it is until its commit.
  virtual std::string layer_dir(const Layer& layer) const = 0;
};

}  // namespace berth::image
