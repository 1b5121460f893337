// SPDX-License-Identifier: Apache-2.0
// Questions that memory answers, and holds.
#include "image/image_store_disk.hpp"

#include <algorithm>

#include "base/cat.hpp"
#include "image/reference.hpp"

namespace berth::image {
namespace {

constexpr std::string_view kIdPrefix = "sha256:";

bool matches(std::string_view pattern, const std::string& name) {
  const bool any_start = pattern.starts_with('*');
  const bool any_end = pattern.size() > 1 && pattern.ends_with('*');
  if (any_start) pattern.remove_prefix(1);
  if (any_end) pattern.remove_suffix(1);
  if (any_start && any_end) return name.find(pattern) != std::string::npos;
  if (any_start) return name.ends_with(pattern);
  return any_end ? name.starts_with(pattern) : name == pattern;
}

}  // namespace

Result<std::unique_ptr<ImageStore>> ImageStore::open(const Options& options) {
  return DiskImageStore::open(options);
}

std::vector<ImagePtr> DiskImageStore::list() const {
  std::vector<ImagePtr> all;
  auto state = state_.lock();
  for (const auto& [id, image] : state->images) all.push_back(image);
  std::set<std::string> seen;
  for (const auto& store : additional_) {
    for (const auto& [id, image] : store->state.images) {
      if (state->images.count(id) == 0 && seen.insert(id).second) all.push_back(image);
    }
  }
  return all;
}

ImagePtr DiskImageStore::find(std::string_view reference) const {
  auto state = state_.lock();
  const std::string id = locate(*state, reference);
  return id.empty() ? find_additional(reference) : state->images.at(id);
}

Result<std::string> DiskImageStore::config_json(const std::string& id) {
  std::lock_guard writer(writer_);
  auto own = database_.config_of(id);
  if (own || own.error().code() != Code::kNotFound) return own;
  for (const auto& store : additional_) {
    if (store->state.images.count(id) != 0) return store->database.config_of(id);
  }
  return own;
}

/// The ID of the image that `reference` means, or "".
std::string DiskImageStore::locate(const State& state, std::string_view reference) {
  std::string name(reference);
  for (int round = 0; round < 2; ++round) {
    for (const auto* names : {&state.tags, &state.digests}) {
      const auto found = names->find(name);
      if (found != names->end()) return found->second;
    }
    const auto parsed = parse_reference(reference);
    if (!parsed) break;
    name = parsed->text();
  }
  if (reference.starts_with(kIdPrefix)) reference.remove_prefix(kIdPrefix.size());
  if (reference.empty()) return {};
  const std::string prefix = cat(kIdPrefix, reference);
  const auto first = state.images.lower_bound(prefix);
  if (first == state.images.end() || !first->first.starts_with(prefix)) return {};
  const auto second = std::next(first);
  const bool unique = second == state.images.end() || !second->first.starts_with(prefix);
  return unique ? first->first : std::string();
}

bool DiskImageStore::is_pinned(const Image& image) const {
  const auto is_named = [this](const std::string& name) {
    return std::any_of(pinned_.begin(), pinned_.end(),
                       [&](const std::string& pattern) { return matches(pattern, name); });
  };
  return std::any_of(image.repo_tags.begin(), image.repo_tags.end(), is_named) ||
         std::any_of(image.repo_digests.begin(), image.repo_digests.end(), is_named);
}

ImagePtr DiskImageStore::with_names(const State& state, Image image) const {
  image.repo_tags.clear();
  image.repo_digests.clear();
  for (const auto& [name, id] : state.tags) {
    if (id == image.id) image.repo_tags.push_back(name);
  }
  for (const auto& [name, id] : state.digests) {
    if (id == image.id) image.repo_digests.push_back(name);
  }
  image.pinned = is_pinned(image);
  return std::make_shared<const Image>(std::move(image));
}

ImageStore::Usage DiskImageStore::usage() const {
  return state_.lock()->usage;
}

/// After any change of committed layers or images.
void DiskImageStore::recount(State& state) {
  state.usage.bytes = state.usage.inodes = 0;
  for (const auto& [chain, entry] : state.layers) {
    if (entry.stage != LayerEntry::Stage::kCommitted) continue;
    state.usage.bytes += entry.layer->size;
    state.usage.inodes += entry.layer->inodes;
  }
  for (const auto& [id, image] : state.images) {
    state.usage.bytes += image->size;
    for (const Layer& layer : image->layers) state.usage.bytes -= layer.size;
  }
}

std::string DiskImageStore::layer_dir(const Layer& layer) const {
  if (const Additional* store = additional_of(layer)) return additional_dir(*store, layer);
  auto state = state_.lock();
  const LayerEntry* entry = entry_of(*state, layer);
  const bool staged = entry != nullptr && entry->stage == LayerEntry::Stage::kStaged && !entry->moved;
  return (staged ? layout_.staged(layer.number) : layout_.layer(layer.number)) + "/fs";
}

Result<void> DiskImageStore::hold_layers(const std::string& key, const std::vector<Layer>& layers) {
  auto state = state_.lock();
  for (const Layer& layer : layers) {
    if (additional_of(layer) == nullptr && entry_of(*state, layer) == nullptr)
      return Error(Code::kNotFound, cat("layer ", layer.chain_id, " has been removed"));
  }
  for (const Layer& layer : layers) state->holds[key].insert(layer.number);
  return {};
}

void DiskImageStore::release_layers(const std::string& key) {
  if (state_.lock()->holds.erase(key) != 0) collect_later();
}

bool DiskImageStore::is_held(const State& state, std::uint64_t number) {
  return std::any_of(state.holds.begin(), state.holds.end(),
                     [&](const auto& hold) { return hold.second.count(number) != 0; });
}

bool DiskImageStore::is_mounted_volume(const State& state, const Image& image) {
  std::set<std::uint64_t> numbers;
  for (const Layer& layer : image.layers) numbers.insert(layer.number);
  for (auto hold = state.holds.lower_bound(std::string(kVolumeHold)); hold != state.holds.end(); ++hold) {
    if (!hold->first.starts_with(kVolumeHold)) return false;
    if (hold->second == numbers) return true;
  }
  return false;
}

}  // namespace berth::image
