// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "image/image_store.hpp"

namespace berth::image {

struct ExportedImage {
  std::string id;  ///< in the archive
  std::vector<std::string> names;
};

/// Writes images into one new tar at `path` that is an OCI layout and a docker-archive at once. Layers are
/// packed anew, uncompressed, so diff IDs, configs and digests are the archive's own and agree with each
/// other, not with the registry's. kNotFound for an unknown reference; after any error there is no file.
Result<std::vector<ExportedImage>> export_images(ImageStore& store,
                                                 const std::vector<std::string>& references,
                                                 const std::string& path, std::stop_token cancel);

}  // namespace berth::image
