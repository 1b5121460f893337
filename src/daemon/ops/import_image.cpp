// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/import_image.hpp"

#include "base/cat.hpp"
#include "base/log.hpp"
#include "daemon/ops/image_policy.hpp"

namespace berth::daemon {

Result<void> import_image(Services& with, const Call& call, const admin::v1::ImportImageRequest& request,
                          admin::v1::ImportImageResponse& response) {
  const std::string& path = request.path();
  if (!path.starts_with('/') || path.find('\0') != std::string::npos) {
    return Error(Code::kInvalidArgument, cat("path must be absolute, not \"", path, "\""));
  }
  auto imported = with.puller->import(path, request.name(), with.config.policy, call.cancelled)
                      .context(cat("import ", path));
  if (!imported) return name_refusal(std::move(imported).error());
  for (const auto& image : *imported) {
    log::info("image imported", {{"path", path}, {"id", image->id}});
    auto* out = response.add_images();
    out->set_id(image->id);
    for (const auto& tag : image->repo_tags) out->add_names(tag);
    for (const auto& digest : image->repo_digests) out->add_names(digest);
  }
  return {};
}

}  // namespace berth::daemon
