// SPDX-License-Identifier: Apache-2.0
// What changes the committed images, in the order that survives a power cut.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/cat.hpp"
#include "base/clock.hpp"
#include "base/failpoint.hpp"
#include "base/log.hpp"
#include "base/remove_tree.hpp"
#include "image/image_store_disk.hpp"

namespace berth::image {
namespace {

Error failed_here(std::string_view name) {
  return {Code::kInternal, cat("failpoint ", name)};
}

Result<void> move(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  return Error::from_errno(errno, cat("move ", from, " to"), to);
}

}  // namespace

struct DiskImageStore::Pending {
  std::vector<Layer> all;
  std::vector<Layer> fresh;  // staged, to be committed
};

Result<ImagePtr> DiskImageStore::commit_image(const NewImage& image) {
  // Before the lock: who removes an image must not wait until the disk has taken in a new one.
  auto synced = sync_content(image);
  if (!synced) return std::move(synced).context("commit image " + image.id).error();
  std::lock_guard writer(writer_);
  ASSIGN_OR_RETURN(Pending pending, gather(image));
  auto durable = make_durable(pending, *synced);
  Result<ImagePtr> published =
      durable ? publish(image, pending) : Result<ImagePtr>(std::move(durable).error());
  auto state = state_.lock();
  for (const Layer& layer : pending.fresh) newest(*state, layer.chain_id)->committing = false;
  return std::move(published).context("commit image " + image.id);
}

Result<DiskImageStore::Pending> DiskImageStore::gather(const NewImage& image) {
  Pending pending;
  auto state = state_.lock();
  for (const std::string& chain : image.chain_ids) {
    const LayerEntry* entry = newest(*state, chain);
    if (entry == nullptr) {
      return Error(Code::kFailedPrecondition,
                   cat("commit image ", image.id, ": layer ", chain, " is not there any more"));
    }
    pending.all.push_back(*entry->layer);
    if (entry->stage == LayerEntry::Stage::kStaged) pending.fresh.push_back(*entry->layer);
  }
  for (const Layer& layer : pending.fresh) newest(*state, layer.chain_id)->committing = true;
  return pending;
}

/// One syncfs covers all layers that wait for the commit; their numbers.
Result<std::set<std::uint64_t>> DiskImageStore::sync_content(const NewImage& image) {
  std::set<std::uint64_t> staged;
  {
    auto state = state_.lock();
    for (const std::string& chain : image.chain_ids) {
      const LayerEntry* entry = newest(*state, chain);
      if (entry != nullptr && entry->stage == LayerEntry::Stage::kStaged) staged.insert(entry->number);
    }
  }
  if (staged.empty()) return staged;
  if (failpoint("image.sync")) return failed_here("image.sync");
  RETURN_IF_ERROR(sync_disk());
  return staged;
}

Result<void> DiskImageStore::sync_disk() {
  if (::syncfs(root_.get()) == 0) return {};
  return Error::from_errno(errno, "sync", layout_.root());
}

/// The content is on the disk; now the names that stand for it.
Result<void> DiskImageStore::make_durable(Pending& pending, const std::set<std::uint64_t>& synced) {
  if (pending.fresh.empty()) return {};
  // Another pull may have staged the repair of a layer since then.
  const bool all_synced = std::all_of(pending.fresh.begin(), pending.fresh.end(),
                                      [&](const Layer& layer) { return synced.count(layer.number) != 0; });
  if (!all_synced) RETURN_IF_ERROR(sync_disk());
  for (const Layer& layer : pending.fresh) {
    if (failpoint("image.rename")) return failed_here("image.rename");
    if (newest(*state_.lock(), layer.chain_id)->moved) continue;
    RETURN_IF_ERROR(move(layout_.staged(layer.number), layout_.layer(layer.number)));
    newest(*state_.lock(), layer.chain_id)->moved = true;
  }
  if (failpoint("image.rename-sync")) return failed_here("image.rename-sync");
  const UniqueFd layers(::open(layout_.layers().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!layers || ::fsync(layers.get()) != 0) return Error::from_errno(errno, "sync", layout_.layers());
  return {};
}

Result<ImagePtr> DiskImageStore::publish(const NewImage& image, Pending& pending) {
  StoreDatabase::ImageRow row;
  row.id = image.id;
  row.config_json = image.config_json;
  row.manifest_json = image.manifest_json;
  row.config = image.config;
  row.document_size = image.config_json.size() + image.manifest_json.size();
  row.created_ns = now_ns();
  for (const Layer& layer : pending.all) row.layers.push_back(layer.number);
  std::vector<std::string> tags;
  if (!image.repo_tag.empty()) tags.push_back(image.repo_tag);
  RETURN_IF_ERROR(database_.add(row, pending.fresh, tags, image.repo_digests, image.signatures));
  (void)failpoint("image.committed");

  auto state = state_.lock();
  for (const Layer& layer : pending.fresh) adopt(*state, layer);
  state->holds.erase(torn_hold(image.id));
  std::set<std::string> changed{image.id};
  const auto name_it = [&](std::map<std::string, std::string>& names, const std::string& name) {
    std::string& owner = names[name];
    if (!owner.empty()) changed.insert(owner);
    owner = image.id;
  };
  for (const std::string& tag : tags) name_it(state->tags, tag);
  for (const std::string& digest : image.repo_digests) name_it(state->digests, digest);
  if (state->images.count(image.id) == 0) {
    Image fresh{image.id, {}, {}, image.config, pending.all, row.document_size, row.created_ns, false};
    for (const Layer& layer : pending.all) fresh.size += layer.size;
    state->images[image.id] = std::make_shared<const Image>(std::move(fresh));
  }
  if (!image.signatures.empty()) {
    Image signed_image = *state->images.at(image.id);
    for (const Signature& each : image.signatures) {
      auto& known = signed_image.signatures;
      if (std::find(known.begin(), known.end(), each) == known.end()) known.push_back(each);
    }
    state->images[image.id] = std::make_shared<const Image>(std::move(signed_image));
  }
  for (const std::string& id : changed) state->images[id] = with_names(*state, *state->images.at(id));
  recount(*state);
  if (!pending.fresh.empty()) record_later();
  if (!state->replaced.empty()) collect_later();
  return state->images.at(image.id);
}

/// The layer is committed. One that it replaces is left to those who hold it.
void DiskImageStore::adopt(State& state, const Layer& layer) {
  if (auto repaired = state.repairs.extract(layer.chain_id)) {
    LayerEntry& entry = state.layers[layer.chain_id];
    if (entry.layer) state.replaced.insert(entry.number);
    for (auto& [id, image] : state.images) {
      const auto has_old = [&](const Layer& old) { return old.number == entry.number; };
      if (!entry.layer || std::none_of(image->layers.begin(), image->layers.end(), has_old)) continue;
      Image changed = *image;
      std::replace_if(changed.layers.begin(), changed.layers.end(), has_old, layer);
      changed.size = changed.size - entry.layer->size + layer.size;
      image = std::make_shared<const Image>(std::move(changed));
    }
    entry = std::move(repaired.mapped());
  }
  state.layers.at(layer.chain_id).stage = LayerEntry::Stage::kCommitted;
}

Result<void> DiskImageStore::remove(std::string_view reference) {
  std::lock_guard writer(writer_);
  std::string id;
  {
    auto state = state_.lock();
    id = locate(*state, reference);
    if (id.empty()) {
      const ImagePtr image = find_additional(reference);
      if (!image) return {};
      return Error(Code::kFailedPrecondition, cat("image ", image->id, " is in a read-only store"));
    }
    if (is_mounted_volume(*state, *state->images.at(id))) {
      return Error(Code::kFailedPrecondition, cat("image ", id, " is mounted as a volume"));
    }
  }
  if (failpoint("image.remove")) return failed_here("image.remove");
  RETURN_IF_ERROR(database_.remove_images({id}).context("remove image " + id));
  {
    auto state = state_.lock();
    state->images.erase(id);
    for (auto* names : {&state->tags, &state->digests}) {
      std::erase_if(*names, [&](const auto& name) { return name.second == id; });
    }
    recount(*state);
  }
  collect_later();
  return {};
}

void DiskImageStore::collect_later() {
  const bool posted = trash_.try_post([this] { collect(); });
  if (!posted) log::warn("unused layers stay until the next start: too much is being deleted");
}

std::set<std::uint64_t> DiskImageStore::used_layers(const State& state) {
  std::set<std::uint64_t> used;
  for (const auto& [id, image] : state.images) {
    for (const Layer& layer : image->layers) used.insert(layer.number);
  }
  for (const auto& [key, numbers] : state.holds) used.insert(numbers.begin(), numbers.end());
  return used;
}

/// Layers that no image has and nobody holds: out of the database, then out of sight, then deleted.
void DiskImageStore::collect() {
  {
    std::lock_guard writer(writer_);
    std::vector<std::uint64_t> unused;
    {
      auto state = state_.lock();
      const std::set<std::uint64_t> used = used_layers(*state);
      for (auto entry = state->layers.begin(); entry != state->layers.end();) {
        const std::uint64_t number = entry->second.number;
        const bool stays = entry->second.stage != LayerEntry::Stage::kCommitted || used.count(number) != 0;
        if (!stays) unused.push_back(number);
        entry = stays ? std::next(entry) : state->layers.erase(entry);
      }
      std::erase_if(state->replaced, [&](std::uint64_t number) {
        if (used.count(number) == 0) unused.push_back(number);
        return used.count(number) == 0;
      });
      recount(*state);
    }
    auto removed = database_.remove_layers(unused);
    // They are unknown now; the next start finds and removes them.
    if (!removed) log::warn("cannot forget unused layers", {{"error", removed.error().to_string()}});
    for (const std::uint64_t number : unused) {
      if (!removed || failpoint("image.trash")) break;
      auto moved = move(layout_.layer(number), layout_.trashed(number));
      if (!moved) log::warn("cannot discard a layer", {{"error", moved.error().to_string()}});
    }
  }
  empty_trash();
}

}  // namespace berth::image
