// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "image/image_store.hpp"
#include "image/puller.hpp"

namespace berth::image {

/// What became of one layer, which several images may share.
struct VerifiedLayer {
  Layer layer;
  std::vector<ImagePtr> images;
  ImageStore::Health health = ImageStore::Health::kWhole;
  bool repaired = false;  ///< was damaged, and has been fetched anew
  std::string detail;     ///< what is wrong, and why it could not be repaired
};

/// Checks every layer of the images that `references` name, or of all images when there are none. Damaged
/// ones are fetched anew with `repair`, by digest and with the node's own credentials. kNotFound for an
/// unknown reference.
Result<std::vector<VerifiedLayer>> verify_images(ImageStore& store, Puller& puller,
                                                 const std::vector<std::string>& references, bool repair,
                                                 std::stop_token cancel);

}  // namespace berth::image
