// SPDX-License-Identifier: Apache-2.0
// Images of other roots, which this daemon reads and never changes.
#include "base/cat.hpp"
#include "base/dir.hpp"
#include "image/image_store_disk.hpp"
#include "image/store_walk.hpp"

namespace berth::image {
namespace {

// The upper bits of a layer's number say which store it is in, so that a number alone names its directory.
constexpr unsigned kStoreShift = 48;

std::uint64_t number_in_store(std::uint64_t number) {
  return number & ((std::uint64_t{1} << kStoreShift) - 1);
}

}  // namespace

Result<void> DiskImageStore::load_additional(const std::vector<std::string>& roots) {
  for (const std::string& root : roots) {
    auto loaded = load_one(root);
    if (!loaded) return std::move(loaded).context("open the additional store " + root).error();
    additional_.push_back(*std::move(loaded));
  }
  return {};
}

Result<std::unique_ptr<DiskImageStore::Additional>> DiskImageStore::load_one(const std::string& root) {
  const ImageLayout layout(root);
  ASSIGN_OR_RETURN(StoreDatabase database, StoreDatabase::open_read_only(layout.database()));
  ASSIGN_OR_RETURN(StoreDatabase::Contents contents, database.load());
  const std::uint64_t tag = std::uint64_t{additional_.size() + 1} << kStoreShift;
  auto store = std::make_unique<Additional>(Additional{layout, std::move(database), {}});
  for (Layer layer : contents.layers) {
    if (!exists(layout.layer(layer.number))) continue;
    layer.number |= tag;
    LayerEntry& entry = store->state.layers[layer.chain_id];
    entry.number = layer.number;
    entry.stage = LayerEntry::Stage::kCommitted;
    entry.layer = layer;
  }
  for (StoreDatabase::ImageRow& row : contents.images) {
    for (std::uint64_t& number : row.layers) number |= tag;
  }
  std::vector<std::string> torn;
  restore_images(store->state, contents, torn);
  for (auto& [id, image] : store->state.images) {
    Image pinned = *image;
    pinned.pinned = true;  // nobody can remove it, so nobody shall try
    image = std::make_shared<const Image>(std::move(pinned));
  }
  return store;
}

const DiskImageStore::Additional* DiskImageStore::additional_of(const Layer& layer) const {
  const std::uint64_t store = layer.number >> kStoreShift;
  return store == 0 || store > additional_.size() ? nullptr : additional_[store - 1].get();
}

ImagePtr DiskImageStore::find_additional(std::string_view reference) const {
  for (const auto& store : additional_) {
    const std::string id = locate(store->state, reference);
    if (!id.empty()) return store->state.images.at(id);
  }
  return nullptr;
}

std::string DiskImageStore::additional_dir(const Additional& store, const Layer& layer) {
  return store.layout.layer(number_in_store(layer.number)) + "/fs";
}

Result<ImageStore::Check> DiskImageStore::check_additional(const Additional& store, const Layer& layer,
                                                           const std::stop_token& cancel) {
  if (layer.tree.empty()) return Check{Health::kUnknown, "nothing was recorded in " + store.layout.root()};
  const auto tree = digest_tree(additional_dir(store, layer), cancel);
  if (!tree && tree.error().code() == Code::kCancelled) return tree.error();
  if (tree && tree->text() == layer.tree) return Check{};
  return Check{Health::kDamaged, cat(tree ? "its files are not what was unpacked" : tree.error().to_string(),
                                     "; ", store.layout.root(), " is read-only")};
}

}  // namespace berth::image
