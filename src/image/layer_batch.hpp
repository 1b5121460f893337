// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/guarded.hpp"
#include "base/lane.hpp"
#include "base/result.hpp"
#include "image/content_source.hpp"
#include "image/image_install.hpp"
#include "image/image_store.hpp"
#include "image/pull_progress.hpp"

namespace berth::image {

/// The layers of one image on their way into the store. Until keep() is called, the destructor
/// takes back whatever was staged.
///
/// Layers run in any order. A layer that turns out to need what is below it (a hard link, a parent
/// directory that is not its own) while that is not there yet gives up its place, and runs again
/// when all the others are done.
class LayerBatch {
 public:
  LayerBatch(ImageStore& store, const SinkFactory& sinks, const std::string& unpack_program,
             const ContentSource& source, PullProgress& watched);
  ~LayerBatch();
  LayerBatch(const LayerBatch&) = delete;
  LayerBatch& operator=(const LayerBatch&) = delete;

  /// Bottom first.
  void add(const Descriptor& blob, const Digest& diff_id, const std::string& chain_id);
  /// All layers are staged, or were there already and are held; or the first error. On cancellation
  /// it returns without waiting for tasks that have not begun.
  Result<void> run(Lane& lane, std::stop_token cancel);
  void keep() { kept_ = true; }

 private:
  enum class Progress : std::uint8_t { kWaiting, kNeedsLowers, kReady, kStaged };
  struct Job {
    Descriptor blob;
    Digest diff_id;
    std::string chain_id;
  };
  struct Round;

  static bool is_done(Progress progress);
  Result<void> run_round(Lane& lane, const std::vector<std::size_t>& jobs, std::stop_token cancel);
  std::vector<std::size_t> unfinished();
  Result<Progress> install(std::size_t at, std::stop_token cancel);
  Result<Progress> unpack(std::size_t at, const std::string& directory, std::stop_token cancel);
  Result<LayerSink::Applied> stream(std::size_t at, LayerSink& sink, std::stop_token cancel) const;
  /// Topmost first; nullopt while one of them is missing. Asked anew each time: another pull's
  /// commit may have moved them.
  std::optional<std::vector<std::string>> lower_dirs(std::size_t at, std::stop_token cancel);

  ImageStore& store_;
  const SinkFactory& sinks_;
  const std::string& unpack_program_;
  const ContentSource& source_;
  PullProgress& watched_;  ///< its layers are ours, in our order
  std::string hold_key_;
  std::vector<Job> jobs_;
  Guarded<std::vector<Progress>> progress_;
  bool kept_ = false;
};

}  // namespace berth::image
