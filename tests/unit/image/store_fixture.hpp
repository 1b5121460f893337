// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "image/chain_id.hpp"
#include "image/image_store.hpp"

namespace berth::image {

/// Plays the puller: every "layer" is one file that holds its own name.
class StoreFixture {
 public:
  explicit StoreFixture(std::string root) : root_(std::move(root)) {}
  const std::string& root() const { return root_; }
  std::string images() const { return root_ + "/images"; }

  std::unique_ptr<ImageStore> open(std::vector<std::string> pinned = {},
                                   std::vector<std::string> additional = {}) const {
    auto store = ImageStore::open({images(), std::move(pinned), root_ + "/snapshots", std::move(additional)});
    if (!store) throw std::runtime_error(store.error().to_string());
    return *std::move(store);
  }

  static std::string id_of(const std::string& name) { return sha256("config " + name).text(); }

  static ImageStore::NewImage describe(const std::string& name, const std::vector<std::string>& layers) {
    std::vector<Digest> diff_ids;
    for (const std::string& layer : layers) diff_ids.push_back(sha256(layer));
    ImageStore::NewImage image;
    image.id = id_of(name);
    image.config_json = "{}";
    image.manifest_json = "[]";
    image.config.os = "linux";
    image.config.env = {"A=b"};
    image.config.labels = {{"k", "v"}};
    image.config.diff_ids = diff_ids;
    image.chain_ids = chain_ids(diff_ids);
    image.repo_tag = "docker.io/library/" + name + ":latest";
    image.repo_digests = {"docker.io/library/" + name + "@" + sha256("manifest " + name).text()};
    return image;
  }

  /// Reserves and stages what is missing.
  static Result<void> stage(ImageStore& store, const ImageStore::NewImage& image,
                            const std::vector<std::string>& layers) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
      ASSIGN_OR_RETURN(const ImageStore::LayerSlot slot, store.reserve_layer(image.chain_ids[i], {}));
      if (slot.ready) continue;
      ASSIGN_OR_RETURN(const UniqueFd file,
                       open_at(kCwd, slot.staging_dir + "/fs/file", O_WRONLY | O_CREAT, 0644));
      RETURN_IF_ERROR(write_fd(file.get(), layers[i], "a layer's file"));
      RETURN_IF_ERROR(store.stage_layer(image.chain_ids[i], image.config.diff_ids[i], 100, 2));
    }
    return {};
  }

  static Result<ImagePtr> pull(ImageStore& store, const std::string& name,
                               const std::vector<std::string>& layers) {
    const ImageStore::NewImage image = describe(name, layers);
    RETURN_IF_ERROR(stage(store, image, layers));
    return store.commit_image(image);
  }

  /// A layer that all have and two of its own, of some hundred kilobytes each.
  static std::vector<std::string> large_layers(int number) {
    std::vector<std::string> layers;
    for (const std::string& seed : {std::string("base"), cat("a", number), cat("b", number)}) {
      std::string& layer = layers.emplace_back();
      while (layer.size() < 200'000) layer += cat(seed, " ", layer.size(), "\n");
    }
    return layers;
  }

  static std::string content(const ImageStore& store, const Layer& layer) {
    auto text = read_file(store.layer_dir(layer) + "/file", 1 << 20);
    return text ? *text : "absent: " + text.error().to_string();
  }

 private:
  std::string root_;
};

}  // namespace berth::image
