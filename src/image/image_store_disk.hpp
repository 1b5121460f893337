// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/guarded.hpp"
#include "base/lane.hpp"
#include "base/unique_fd.hpp"
#include "image/image_store.hpp"
#include "image/layout.hpp"
#include "image/store_database.hpp"

namespace berth::image {

/// The ImageStore over SQLite and layout.hpp. Two locks: the state's, held for map work only, and
/// the writer's, held across the disk by whoever changes what is committed.
class DiskImageStore final : public ImageStore {
 public:
  static Result<std::unique_ptr<ImageStore>> open(const Options& options);
  ~DiskImageStore() override;

  std::vector<ImagePtr> list() const override;
  ImagePtr find(std::string_view reference) const override;
  Result<void> remove(std::string_view reference) override;
  Result<LayerSlot> reserve_layer(const std::string& chain_id, std::stop_token cancel) override;
  Result<void> stage_layer(const std::string& chain_id, const Digest& diff_id, std::uint64_t size,
                           std::uint64_t inodes) override;
  void abandon_layer(const std::string& chain_id) override;
  Result<ImagePtr> commit_image(const NewImage& image) override;
  Result<void> hold_layers(const std::string& key, const std::vector<Layer>& layers) override;
  void release_layers(const std::string& key) override;
  Usage usage() const override;
  std::string layer_dir(const Layer& layer) const override;

 private:
  struct LayerEntry {
    enum class Stage : std::uint8_t { kReserved, kStaged, kCommitted };
    std::uint64_t number = 0;
    Stage stage = Stage::kReserved;
    std::optional<Layer> layer;  ///< from kStaged on
    bool moved = false;          ///< staged, but in layers/ already: a commit failed half-way
    bool committing = false;
    std::chrono::steady_clock::time_point staged_at;
  };
  struct State {
    std::map<std::string, ImagePtr> images;      // by ID
    std::map<std::string, std::string> tags;     // name -> image ID
    std::map<std::string, std::string> digests;  // "name@digest" -> image ID
    std::map<std::string, LayerEntry> layers;    // by chain ID
    std::map<std::string, std::set<std::uint64_t>> holds;
    std::uint64_t next_number = 1;
    Usage usage;
  };
  struct Pending;  // one commit

  DiskImageStore(const Options& options, UniqueFd lock, UniqueFd root, StoreDatabase database);

  Result<void> recover();
  Result<std::set<std::uint64_t>> sweep_directories();
  void restore_layers(State& state, const StoreDatabase::Contents& contents, std::set<std::uint64_t> on_disk,
                      std::vector<std::uint64_t>& lost);
  void restore_images(State& state, const StoreDatabase::Contents& contents, std::vector<std::string>& torn);
  void restore_holds(State& state, const std::string& snapshots_root);

  static std::string locate(const State& state, std::string_view reference);
  static std::string torn_hold(const std::string& image_id);
  static bool is_held(const State& state, std::uint64_t number);
  static bool is_mounted_volume(const State& state, const Image& image);
  ImagePtr with_names(const State& state, Image image) const;
  bool is_pinned(const Image& image) const;
  static void recount(State& state);

  void drop_stale(State& state);
  void delete_later(const std::string& path);
  void collect_later();
  void collect();
  void empty_trash();

  Result<Pending> gather(const NewImage& image);
  Result<void> make_durable(Pending& pending);
  Result<ImagePtr> publish(const NewImage& image, Pending& pending);

  const ImageLayout layout_;
  const std::vector<std::string> pinned_;
  const UniqueFd lock_, root_;
  mutable Guarded<State> state_;
  std::condition_variable_any reserved_changed_;
  std::mutex writer_;
  StoreDatabase database_;  // under writer_
  std::atomic<bool> closing_ = false;
  Lane trash_;  // last: its destructor waits for tasks that use the rest
};

}  // namespace berth::image
