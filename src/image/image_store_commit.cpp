// SPDX-License-Identifier: Apache-2.0
// What changes the committed images, in the order that survives a power cut.
#include <fcntl.h>
#include <unistd.h>

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
  std::lock_guard writer(writer_);
  ASSIGN_OR_RETURN(Pending pending, gather(image));
  auto durable = make_durable(pending);
  Result<ImagePtr> published =
      durable ? publish(image, pending) : Result<ImagePtr>(std::move(durable).error());
  auto state = state_.lock();
  for (const Layer& layer : pending.fresh) state->layers.at(layer.chain_id).committing = false;
  return std::move(published).context("commit image " + image.id);
}

Result<DiskImageStore::Pending> DiskImageStore::gather(const NewImage& image) {
  Pending pending;
  auto state = state_.lock();
  for (const std::string& chain : image.chain_ids) {
    const auto found = state->layers.find(chain);
    if (found == state->layers.end() || !found->second.layer) {
      return Error(Code::kFailedPrecondition,
                   cat("commit image ", image.id, ": layer ", chain, " is not there any more"));
    }
    pending.all.push_back(*found->second.layer);
    if (found->second.stage == LayerEntry::Stage::kStaged) pending.fresh.push_back(*found->second.layer);
  }
  for (const Layer& layer : pending.fresh) state->layers.at(layer.chain_id).committing = true;
  return pending;
}

/// Content first, then the names that stand for it: one syncfs covers all layers.
Result<void> DiskImageStore::make_durable(Pending& pending) {
  if (pending.fresh.empty()) return {};
  if (failpoint("image.sync")) return failed_here("image.sync");
  if (::syncfs(root_.get()) != 0) return Error::from_errno(errno, "sync", layout_.root());
  for (const Layer& layer : pending.fresh) {
    if (failpoint("image.rename")) return failed_here("image.rename");
    if (state_.lock()->layers.at(layer.chain_id).moved) continue;
    RETURN_IF_ERROR(move(layout_.staged(layer.number), layout_.layer(layer.number)));
    state_.lock()->layers.at(layer.chain_id).moved = true;
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
  RETURN_IF_ERROR(database_.add(row, pending.fresh, tags, image.repo_digests));
  (void)failpoint("image.committed");

  auto state = state_.lock();
  for (const Layer& layer : pending.fresh)
    state->layers.at(layer.chain_id).stage = LayerEntry::Stage::kCommitted;
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
  for (const std::string& id : changed) state->images[id] = with_names(*state, *state->images.at(id));
  recount(*state);
  return state->images.at(image.id);
}

Result<void> DiskImageStore::remove(std::string_view reference) {
  std::lock_guard writer(writer_);
  std::string id;
  {
    auto state = state_.lock();
    id = locate(*state, reference);
    if (id.empty()) return {};
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

/// Layers that no image has and nobody holds: out of the database, then out of sight, then deleted.
void DiskImageStore::collect() {
  {
    std::lock_guard writer(writer_);
    std::vector<std::uint64_t> unused;
    {
      auto state = state_.lock();
      std::set<std::uint64_t> used;
      for (const auto& [id, image] : state->images) {
        for (const Layer& layer : image->layers) used.insert(layer.number);
      }
      for (auto entry = state->layers.begin(); entry != state->layers.end();) {
        const std::uint64_t number = entry->second.number;
        const bool stays = entry->second.stage != LayerEntry::Stage::kCommitted || used.count(number) != 0 ||
                           is_held(*state, number);
        if (!stays) unused.push_back(number);
        entry = stays ? std::next(entry) : state->layers.erase(entry);
      }
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
