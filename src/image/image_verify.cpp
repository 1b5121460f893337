// SPDX-License-Identifier: Apache-2.0
#include "image/image_verify.hpp"

#include <algorithm>
#include <map>

#include "base/cat.hpp"

namespace berth::image {
namespace {

Result<std::vector<ImagePtr>> wanted_images(const ImageStore& store,
                                            const std::vector<std::string>& references) {
  if (references.empty()) return store.list();
  std::vector<ImagePtr> images;
  for (const std::string& reference : references) {
    images.push_back(store.find(reference));
    if (!images.back()) return Error(Code::kNotFound, cat("there is no image \"", reference, "\""));
  }
  return images;
}

std::vector<VerifiedLayer> layers_of(const std::vector<ImagePtr>& images) {
  std::map<std::uint64_t, VerifiedLayer> layers;
  for (const ImagePtr& image : images) {
    for (const Layer& layer : image->layers) {
      layers.try_emplace(layer.number, VerifiedLayer{layer, {}, {}, false, {}})
          .first->second.images.push_back(image);
    }
  }
  std::vector<VerifiedLayer> all;
  for (auto& entry : layers) all.push_back(std::move(entry.second));
  return all;
}

/// Brings the image again, whose damaged layers then come anew.
Result<void> fetch_again(Puller& puller, const Image& image, const std::stop_token& cancel) {
  Error last(Code::kFailedPrecondition, "no registry is known to have it: import it again");
  for (const std::string& name : image.repo_digests) {
    // By digest: what comes is what is here, or nothing. Whether it may run is asked when it shall.
    auto pulled = puller.pull(name, {}, "", cancel);
    if (pulled) return {};
    last = std::move(pulled).error();
  }
  return last;
}

bool has_layer(const ImageStore& store, const std::string& image_id, const Layer& layer) {
  const ImagePtr image = store.find(image_id);
  return image && std::any_of(image->layers.begin(), image->layers.end(),
                              [&](const Layer& other) { return other.number == layer.number; });
}

void repair_layer(const ImageStore& store, Puller& puller, VerifiedLayer& damaged,
                  const std::stop_token& cancel) {
  for (const ImagePtr& image : damaged.images) {
    // The repair of another layer of the same image may have brought this one, too.
    const bool is_old = has_layer(store, image->id, damaged.layer);
    const auto fetched = is_old ? fetch_again(puller, *image, cancel) : Result<void>();
    damaged.repaired = fetched && !has_layer(store, image->id, damaged.layer);
    if (damaged.repaired) return;
    const std::string reason = fetched ? "the registry has another image now" : fetched.error().to_string();
    damaged.detail += cat("; cannot fetch ", image->id, ": ", reason);
  }
}

}  // namespace

Result<std::vector<VerifiedLayer>> verify_images(ImageStore& store, Puller& puller,
                                                 const std::vector<std::string>& references, bool repair,
                                                 std::stop_token cancel) {
  ASSIGN_OR_RETURN(const std::vector<ImagePtr> images, wanted_images(store, references));
  std::vector<VerifiedLayer> layers = layers_of(images);
  for (VerifiedLayer& verified : layers) {
    auto check = store.check_layer(verified.layer, cancel);
    if (!check && check.error().code() == Code::kNotFound) continue;  // removed meanwhile
    if (!check) return std::move(check).error();
    verified.health = check->health;
    verified.detail = std::move(check->detail);
  }
  if (!repair) return layers;
  // After the checks: one pull may repair several.
  for (VerifiedLayer& verified : layers) {
    if (verified.health == ImageStore::Health::kDamaged) repair_layer(store, puller, verified, cancel);
  }
  return layers;
}

}  // namespace berth::image
