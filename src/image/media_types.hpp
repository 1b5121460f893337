// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace berth::image {

/// What a media type of the OCI image-spec or of Docker's schema 2 stands for.
enum class MediaKind : std::uint8_t {
  kUnknown,
  kManifest,
  kIndex,
  kConfig,
  kLayer,         ///< tar, compressed or not: the bytes tell
  kForeignLayer,  ///< the same, but its registry need not have it
  kEncryptedLayer,
  kSchema1,   ///< Docker's first manifest format
  kArtifact,  ///< OCI's withdrawn manifest of anything but images
};

/// What we write ourselves.
inline constexpr const char* kOciIndexType = "application/vnd.oci.image.index.v1+json";
inline constexpr const char* kOciManifestType = "application/vnd.oci.image.manifest.v1+json";
inline constexpr const char* kOciConfigType = "application/vnd.oci.image.config.v1+json";
inline constexpr const char* kOciLayerType = "application/vnd.oci.image.layer.v1.tar";

MediaKind media_kind(std::string_view type);

/// A Content-Type header without parameters, in lower case.
std::string bare_media_type(std::string_view header);

/// What a manifest request accepts, for the Accept header.
inline constexpr std::string_view kManifestAccept =
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json";

}  // namespace berth::image
