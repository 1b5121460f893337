// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/verify_image.hpp"

#include "base/log.hpp"
#include "image/image_verify.hpp"

namespace berth::daemon {
namespace {

using admin::v1::CheckedLayer;
using Health = image::ImageStore::Health;

CheckedLayer::State state_of(const image::VerifiedLayer& verified) {
  if (verified.repaired) return CheckedLayer::REPAIRED;
  if (verified.health == Health::kDamaged) return CheckedLayer::DAMAGED;
  return verified.health == Health::kUnknown ? CheckedLayer::UNKNOWN : CheckedLayer::WHOLE;
}

}  // namespace

Result<void> verify_image(Services& with, const Call& call, const admin::v1::VerifyImageRequest& request,
                          admin::v1::VerifyImageResponse& response) {
  const std::vector<std::string> references(request.references().begin(), request.references().end());
  ASSIGN_OR_RETURN(const auto layers, image::verify_images(*with.images, *with.puller, references,
                                                           request.repair(), call.cancelled));
  for (const image::VerifiedLayer& verified : layers) {
    CheckedLayer& out = *response.add_layers();
    out.set_state(state_of(verified));
    out.set_diff_id(verified.layer.diff_id.text());
    out.set_number(verified.layer.number);
    for (const auto& image : verified.images)
      out.add_images(image->repo_tags.empty() ? image->id : image->repo_tags.front());
    out.set_detail(verified.detail);
    if (verified.health != Health::kDamaged) continue;
    log::warn(verified.repaired ? "a damaged layer was repaired" : "a layer is damaged",
              {{"layer", std::to_string(verified.layer.number)}, {"detail", verified.detail}});
  }
  return {};
}

}  // namespace berth::daemon
