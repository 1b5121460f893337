// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
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
  Result<std::string> config_json(const std::string& id) override;
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
  Result<Check> check_layer(const Layer& layer, std::stop_token cancel) override;

 private:
  struct LayerEntry {
    enum class Stage : std::uint8_t { kReserved, kStaged, kCommitted };
    std::uint64_t number = 0;
    Stage stage = Stage::kReserved;
    std::optional<Layer> layer;  ///< from kStaged on
    bool moved = false;          ///< staged, but in layers/ already: a commit failed half-way
    bool committing = false;
    bool damaged = false;  ///< committed, and found so
    std::chrono::steady_clock::time_point staged_at;
  };
  struct State {
    std::map<std::string, ImagePtr> images;      // by ID
    std::map<std::string, std::string> tags;     // name -> image ID
    std::map<std::string, std::string> digests;  // "name@digest" -> image ID
    std::map<std::string, LayerEntry> layers;    // by chain ID
    std::map<std::string, LayerEntry> repairs;   // on their way to replace what is damaged in layers
    std::set<std::uint64_t> replaced;            // have been, and somebody still holds them
    std::map<std::string, std::set<std::uint64_t>> holds;
    std::uint64_t next_number = 1;
    bool writing_back = false;
    Usage usage;
  };
  struct Pending;  // one commit
  /// A store that others made: its database, and what was in it when we started.
  struct Additional {
    ImageLayout layout;
    StoreDatabase database;  // under writer_
    State state;
  };

  DiskImageStore(const Options& options, UniqueFd lock, UniqueFd root, StoreDatabase database);

  Result<void> recover();
  Result<std::set<std::uint64_t>> sweep_directories();
  void restore_layers(State& state, const StoreDatabase::Contents& contents, std::set<std::uint64_t> on_disk,
                      std::vector<std::uint64_t>& lost);
  void restore_images(State& state, const StoreDatabase::Contents& contents, std::vector<std::string>& torn);
  void restore_holds(State& state, const std::string& snapshots_root);

  Result<void> load_additional(const std::vector<std::string>& roots);
  Result<std::unique_ptr<Additional>> load_one(const std::string& root);
  const Additional* additional_of(const Layer& layer) const;
  ImagePtr find_additional(std::string_view reference) const;
  static std::string additional_dir(const Additional& store, const Layer& layer);
  static Result<Check> check_additional(const Additional& store, const Layer& layer,
                                        const std::stop_token& cancel);

  static std::map<std::string, LayerEntry>& slots(State& state, const std::string& chain_id);
  static LayerEntry* newest(State& state, const std::string& chain_id);
  static const LayerEntry* entry_of(const State& state, const Layer& layer);
  static void adopt(State& state, const Layer& layer);

  static std::string locate(const State& state, std::string_view reference);
  static std::string torn_hold(const std::string& image_id);
  static bool is_held(const State& state, std::uint64_t number);
  static bool is_mounted_volume(const State& state, const Image& image);
  ImagePtr with_names(const State& state, Image image) const;
  bool is_pinned(const Image& image) const;
  static void recount(State& state);

  void write_back();
  void drop_stale(const State& state, std::map<std::string, LayerEntry>& entries);
  void delete_later(const std::string& path);
  void collect_later();
  void collect();
  static std::set<std::uint64_t> used_layers(const State& state);
  void record_later();
  void record_trees();
  Result<void> record(const Layer& layer, const Digest& tree);
  Result<Check> judge(const Layer& layer, Result<Digest> tree);
  void empty_trash();

  Result<std::set<std::uint64_t>> sync_content(const NewImage& image);
  Result<void> sync_disk();
  Result<Pending> gather(const NewImage& image);
  Result<void> make_durable(Pending& pending, const std::set<std::uint64_t>& synced);
  Result<ImagePtr> publish(const NewImage& image, Pending& pending);

  const ImageLayout layout_;
  const std::vector<std::string> pinned_;
  const UniqueFd lock_, root_;
  std::vector<std::unique_ptr<Additional>> additional_;  // settled in open()
  mutable Guarded<State> state_;
  std::condition_variable_any reserved_changed_;
  std::mutex writer_;
  StoreDatabase database_;  // under writer_
  std::stop_source closing_;
  Lane trash_, recorder_, flusher_;  // last: their destructors wait for tasks that use the rest
};

}  // namespace berth::image
