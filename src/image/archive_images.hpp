// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "image/archive.hpp"
#include "image/manifest.hpp"

namespace berth::image {

/// One image of an archive, with the names that the archive gives it.
struct ArchiveImage {
  Manifest manifest;
  std::string manifest_json;
  std::vector<std::string> digests;  ///< of the manifest and the indexes above; none when we made it
  std::vector<std::string> names;    ///< normalised "repo:tag"
};
struct ArchiveContents {
  std::vector<ArchiveImage> images;
  std::map<std::string, std::string> files_by_digest;  ///< for ArchiveSource
};

/// OCI layout (image-spec image-layout.md): what its index.json names, for this host's platform.
Result<ArchiveContents> read_oci_layout(const Archive& archive, std::stop_token cancel);

/// `docker save`: manifest.json with Config, RepoTags and Layers. Layers have no digests there, so
/// each is read once to learn its own, and a manifest is made.
Result<ArchiveContents> read_docker_archive(const Archive& archive, std::stop_token cancel);

/// The JSON of what an archive does not bring, or is to get.
Json to_json(const Descriptor& descriptor);
std::string format_manifest(const Manifest& manifest);

}  // namespace berth::image
