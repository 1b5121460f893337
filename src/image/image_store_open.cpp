// SPDX-License-Identifier: Apache-2.0
// Opening is recovery: whatever was cut short is found here, and only that is given up.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/lock_file.hpp"
#include "base/log.hpp"
#include "base/remove_tree.hpp"
#include "image/image_store_disk.hpp"
#include "image/reference.hpp"
#include "image/store_holds.hpp"

namespace berth::image {
namespace {

std::optional<std::uint64_t> number_of(const std::string& name) {
  std::uint64_t number = 0;
  const auto [end, err] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (err != std::errc() || end != name.data() + name.size() || number == 0) return std::nullopt;
  return number;
}

/// "busybox" means here what it means everywhere else.
std::vector<std::string> normalised(std::vector<std::string> names) {
  for (std::string& name : names) {
    if (name.find('*') != std::string::npos) continue;
    if (const auto reference = parse_reference(name)) name = reference->text();
  }
  return names;
}

}  // namespace

std::string DiskImageStore::torn_hold(const std::string& image_id) {
  return "torn:" + image_id;
}

DiskImageStore::DiskImageStore(const Options& options, UniqueFd lock, UniqueFd root, StoreDatabase database)
    : layout_(options.root),
      pinned_(normalised(options.pinned)),
      lock_(std::move(lock)),
      root_(std::move(root)),
      database_(std::move(database)),
      trash_(Lane::Options{.name = "image-trash", .min_threads = 0, .max_threads = 1}),
      recorder_(Lane::Options{.name = "image-record", .min_threads = 0, .max_threads = 1}),
      flusher_(Lane::Options{.name = "image-flush", .min_threads = 0, .max_threads = 1}) {}

DiskImageStore::~DiskImageStore() {
  closing_.request_stop();
}

Result<std::unique_ptr<ImageStore>> DiskImageStore::open(const Options& options) {
  const ImageLayout layout(options.root);
  for (const std::string& directory : {layout.root(), layout.layers(), layout.staging(), layout.trash()}) {
    RETURN_IF_ERROR(make_dirs(directory, 0700));
  }
  ASSIGN_OR_RETURN(UniqueFd lock, lock_file(layout.lock()));
  ASSIGN_OR_RETURN(UniqueFd root, open_at(kCwd, layout.root(), O_RDONLY | O_DIRECTORY));
  ASSIGN_OR_RETURN(StoreDatabase database, StoreDatabase::open(layout.database()));
  std::unique_ptr<DiskImageStore> store(
      new DiskImageStore(options, std::move(lock), std::move(root), std::move(database)));
  store->state_.lock()->usage.mount_point = options.root;
  store->restore_holds(*store->state_.lock(), options.snapshots_root);
  RETURN_IF_ERROR(store->load_additional(options.additional_roots));
  RETURN_IF_ERROR(store->recover().context("recover " + options.root));
  return std::unique_ptr<ImageStore>(std::move(store));
}

Result<void> DiskImageStore::recover() {
  std::lock_guard writer(writer_);
  ASSIGN_OR_RETURN(std::set<std::uint64_t> on_disk, sweep_directories());
  ASSIGN_OR_RETURN(const StoreDatabase::Contents contents, database_.load());
  std::vector<std::uint64_t> lost;
  std::vector<std::string> torn = contents.unreadable;
  {
    auto state = state_.lock();
    restore_layers(*state, contents, std::move(on_disk), lost);
    restore_images(*state, contents, torn);
    recount(*state);
  }
  RETURN_IF_ERROR(database_.remove_images(torn));
  RETURN_IF_ERROR(database_.remove_layers(lost));
  collect_later();
  record_later();
  return {};
}

/// Moves what was being unpacked or deleted out of the way; the numbers in layers/.
Result<std::set<std::uint64_t>> DiskImageStore::sweep_directories() {
  std::uint64_t highest = 0;
  std::set<std::uint64_t> layers;
  ASSIGN_OR_RETURN(const std::vector<std::string> committed, list_dir(layout_.layers()));
  ASSIGN_OR_RETURN(const std::vector<std::string> staged, list_dir(layout_.staging()));
  ASSIGN_OR_RETURN(const std::vector<std::string> trashed, list_dir(layout_.trash()));
  for (const auto* names : {&committed, &staged, &trashed}) {
    for (const std::string& name : *names) highest = std::max(highest, number_of(name).value_or(0));
  }
  for (const std::string& name : committed) {
    if (const auto number = number_of(name)) layers.insert(*number);
  }
  for (const std::string& name : staged) {
    const std::string from = cat(layout_.staging(), "/", name);
    const std::string to = cat(layout_.trash(), "/", name);
    if (::rename(from.c_str(), to.c_str()) != 0)
      return Error::from_errno(errno, cat("move ", from, " to"), to);
  }
  state_.lock()->next_number = highest + 1;
  return layers;
}

void DiskImageStore::restore_layers(State& state, const StoreDatabase::Contents& contents,
                                    std::set<std::uint64_t> on_disk, std::vector<std::uint64_t>& lost) {
  for (const Layer& layer : contents.layers) {
    state.next_number = std::max(state.next_number, layer.number + 1);
    if (on_disk.erase(layer.number) == 0) {
      lost.push_back(layer.number);
      continue;
    }
    LayerEntry& entry = state.layers[layer.chain_id];
    entry.number = layer.number;
    entry.stage = LayerEntry::Stage::kCommitted;
    entry.layer = layer;
  }
  for (const std::uint64_t number : on_disk) {
    if (is_held(state, number)) {
      state.replaced.insert(number);  // a container still stands on it
    } else if (::rename(layout_.layer(number).c_str(), layout_.trashed(number).c_str()) != 0) {
      log::warn("cannot discard a layer without an image", {{"layer", layout_.layer(number)}});
    }
  }
}

void DiskImageStore::restore_images(State& state, const StoreDatabase::Contents& contents,
                                    std::vector<std::string>& torn) {
  std::map<std::uint64_t, Layer> layers;
  for (const auto& [chain, entry] : state.layers) layers.emplace(entry.number, *entry.layer);
  for (const StoreDatabase::ImageRow& row : contents.images) {
    Image image{row.id, {}, {}, row.config, {}, row.document_size, row.created_ns, false};
    if (const auto known = contents.signatures.find(row.id); known != contents.signatures.end())
      image.signatures = known->second;
    for (const std::uint64_t number : row.layers) {
      const auto layer = layers.find(number);
      if (layer == layers.end()) continue;
      image.layers.push_back(layer->second);
      image.size += layer->second.size;
    }
    if (image.layers.size() == row.layers.size()) {
      state.images[row.id] = std::make_shared<const Image>(std::move(image));
    } else {
      torn.push_back(row.id);
      // What it still has serves the next pull, until the next start at the latest.
      for (const Layer& layer : image.layers) state.holds[torn_hold(row.id)].insert(layer.number);
    }
  }
  for (const std::string& id : torn) log::warn("an image has lost its files and is dropped", {{"image", id}});
  const auto keep_known = [&](const std::map<std::string, std::string>& names,
                              std::map<std::string, std::string>& kept) {
    for (const auto& [name, id] : names) {
      if (state.images.count(id) != 0) kept.emplace(name, id);
    }
  };
  keep_known(contents.tags, state.tags);
  keep_known(contents.digests, state.digests);
  for (auto& [id, image] : state.images) image = with_names(state, *image);
}

void DiskImageStore::restore_holds(State& state, const std::string& snapshots_root) {
  if (snapshots_root.empty()) return;
  const auto names = list_dir(snapshots_root);
  if (!names) return;  // no snapshots yet
  const SnapshotLayout layout(snapshots_root);
  for (const std::string& key : *names) {
    if (key.starts_with('.')) continue;
    auto layers = read_held_layers(layout, key);
    if (layers) {
      state.holds[key] = *std::move(layers);
    } else if (exists(layout.layers(key))) {
      log::warn("a snapshot's list of layers is unreadable", {{"snapshot", key}});
    }
  }
}

void DiskImageStore::delete_later(const std::string& path) {
  const bool posted = trash_.try_post([this, path] {
    if (closing_.stop_requested()) return;
    auto removed = remove_tree(path);
    if (!removed) log::warn("cannot delete", {{"error", removed.error().to_string()}});
  });
  if (!posted) log::warn("too much is being deleted; left for the next start", {{"path", path}});
}

void DiskImageStore::empty_trash() {
  const auto names = list_dir(layout_.trash());
  if (!names) return;
  for (const std::string& name : *names) {
    if (closing_.stop_requested()) return;
    auto removed = remove_tree(cat(layout_.trash(), "/", name));
    if (!removed) log::warn("cannot delete", {{"error", removed.error().to_string()}});
  }
}

}  // namespace berth::image
