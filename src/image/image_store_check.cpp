// SPDX-License-Identifier: Apache-2.0
// What layers' files were when they were new, and whether they still are.
#include <sys/resource.h>

#include "base/cat.hpp"
#include "base/log.hpp"
#include "image/image_store_disk.hpp"
#include "image/store_walk.hpp"

namespace berth::image {
namespace {

constexpr int kLowest = 19;  // of the priorities

}  // namespace

/// After the commit, so that no pull waits for it: it reads everything once more.
void DiskImageStore::record_later() {
  if (!recorder_.try_post([this] { record_trees(); }))
    log::warn("new layers cannot be checked before the next start");
}

void DiskImageStore::record_trees() {
  (void)::setpriority(PRIO_PROCESS, 0, kLowest);  // on Linux this thread's own
  std::set<std::uint64_t> tried;
  const auto next = [&]() -> std::optional<Layer> {
    auto state = state_.lock();
    for (const auto& [chain, entry] : state->layers) {
      const bool wanted = entry.stage == LayerEntry::Stage::kCommitted && entry.layer->tree.empty();
      if (wanted && tried.insert(entry.number).second) return entry.layer;
    }
    return std::nullopt;
  };
  while (const auto layer = next()) {
    const auto tree = digest_tree(layer_dir(*layer), closing_.get_token());
    if (closing_.stop_requested()) return;
    const auto recorded = tree ? record(*layer, *tree) : Result<void>(tree.error());
    if (!recorded) {
      log::warn("a layer's state cannot be recorded",
                {{"layer", layout_.layer(layer->number)}, {"error", recorded.error().to_string()}});
    }
  }
}

Result<void> DiskImageStore::record(const Layer& layer, const Digest& tree) {
  std::lock_guard writer(writer_);
  RETURN_IF_ERROR(database_.set_tree(layer.number, tree.text()));
  auto state = state_.lock();
  const auto found = state->layers.find(layer.chain_id);
  if (found != state->layers.end() && found->second.number == layer.number)
    found->second.layer->tree = tree.text();
  return {};
}

Result<ImageStore::Check> DiskImageStore::check_layer(const Layer& layer, std::stop_token cancel) {
  if (const Additional* store = additional_of(layer)) return check_additional(*store, layer, cancel);
  // Held, so that what is being deleted is not taken for damaged.
  const std::string key = "check:" + random_id();
  RETURN_IF_ERROR(hold_layers(key, {layer}));
  auto verdict = judge(layer, digest_tree(layer_dir(layer), cancel));
  release_layers(key);
  return verdict;
}

Result<ImageStore::Check> DiskImageStore::judge(const Layer& layer, Result<Digest> tree) {
  if (!tree && tree.error().code() == Code::kCancelled) return std::move(tree).error();
  std::string recorded;
  {
    auto state = state_.lock();
    const auto found = state->layers.find(layer.chain_id);
    if (found == state->layers.end() || found->second.number != layer.number)
      return Error(Code::kNotFound, cat("layer ", layer.chain_id, " has been replaced meanwhile"));
    recorded = found->second.layer->tree;
    if (tree && tree->text() == recorded) {
      found->second.damaged = false;
      return Check{};
    }
    if (!tree || !recorded.empty()) {
      found->second.damaged = true;
      return Check{Health::kDamaged, tree ? "its files are not what was unpacked" : tree.error().to_string()};
    }
  }
  RETURN_IF_ERROR(record(layer, *tree));
  return Check{Health::kUnknown, "nothing was recorded when it was new; from now on it counts as whole"};
}

}  // namespace berth::image
