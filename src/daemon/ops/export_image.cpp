// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/export_image.hpp"

#include "base/cat.hpp"
#include "image/archive_export.hpp"

namespace berth::daemon {

Result<void> export_image(Services& with, const Call& call, const admin::v1::ExportImageRequest& request,
                          admin::v1::ExportImageResponse& response) {
  const std::string& path = request.path();
  if (!path.starts_with('/')) {
    return Error(Code::kInvalidArgument, cat("path must be absolute, not \"", path, "\""));
  }
  const std::vector<std::string> references(request.references().begin(), request.references().end());
  auto exported =
      image::export_images(*with.images, references, path, call.cancelled).context("export to " + path);
  if (!exported) return std::move(exported).error();
  for (const auto& image : *exported) {
    auto& out = *response.add_images();
    out.set_id(image.id);
    for (const auto& name : image.names) out.add_names(name);
  }
  return {};
}

}  // namespace berth::daemon
