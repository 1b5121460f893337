// SPDX-License-Identifier: Apache-2.0
#include "image/media_types.hpp"

#include <array>
#include <utility>

namespace berth::image {
namespace {

using Entry = std::pair<std::string_view, MediaKind>;
constexpr std::array kKnown = {
    Entry{"application/vnd.oci.image.manifest.v1+json", MediaKind::kManifest},
    Entry{"application/vnd.oci.image.index.v1+json", MediaKind::kIndex},
    Entry{"application/vnd.oci.image.config.v1+json", MediaKind::kConfig},
    Entry{"application/vnd.oci.image.layer.v1.tar", MediaKind::kLayer},
    Entry{"application/vnd.oci.image.layer.v1.tar+gzip", MediaKind::kLayer},
    Entry{"application/vnd.oci.image.layer.v1.tar+zstd", MediaKind::kLayer},
    Entry{"application/vnd.oci.image.layer.nondistributable.v1.tar", MediaKind::kForeignLayer},
    Entry{"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", MediaKind::kForeignLayer},
    Entry{"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", MediaKind::kForeignLayer},
    Entry{"application/vnd.docker.distribution.manifest.v2+json", MediaKind::kManifest},
    Entry{"application/vnd.docker.distribution.manifest.list.v2+json", MediaKind::kIndex},
    Entry{"application/vnd.docker.container.image.v1+json", MediaKind::kConfig},
    Entry{"application/vnd.docker.image.rootfs.diff.tar", MediaKind::kLayer},
    Entry{"application/vnd.docker.image.rootfs.diff.tar.gzip", MediaKind::kLayer},
    Entry{"application/vnd.docker.image.rootfs.diff.tar.zstd", MediaKind::kLayer},
    Entry{"application/vnd.docker.image.rootfs.foreign.diff.tar", MediaKind::kForeignLayer},
    Entry{"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", MediaKind::kForeignLayer},
    Entry{"application/vnd.oci.artifact.manifest.v1+json", MediaKind::kArtifact},
    Entry{"application/vnd.docker.distribution.manifest.v1+json", MediaKind::kSchema1},
    Entry{"application/vnd.docker.distribution.manifest.v1+prettyjws", MediaKind::kSchema1},
};

}  // namespace

MediaKind media_kind(std::string_view type) {
  for (const auto& [name, kind] : kKnown) {
    if (type == name) return kind;
  }
  const std::size_t plus = type.rfind('+');
  const bool encrypted = plus != std::string_view::npos && type.substr(plus) == "+encrypted";
  const MediaKind plain = encrypted ? media_kind(type.substr(0, plus)) : MediaKind::kUnknown;
  const bool is_layer = plain == MediaKind::kLayer || plain == MediaKind::kForeignLayer;
  return is_layer ? MediaKind::kEncryptedLayer : MediaKind::kUnknown;
}

std::string bare_media_type(std::string_view header) {
  header = header.substr(0, header.find(';'));
  std::string type;
  for (const char c : header) {
    if (c == ' ' || c == '\t') continue;
    type.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return type;
}

}  // namespace berth::image
