// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "image/platform.hpp"

namespace berth::image {

inline constexpr std::size_t kMaxManifestSize = 4U << 20;
inline constexpr std::size_t kMaxConfigSize = 4U << 20;
/// overlayfs takes no more lower directories.
inline constexpr std::size_t kMaxLayers = 500;
/// Indexes on the way from a name to its manifest, the first one not counted.
inline constexpr int kMaxIndexDepth = 3;

/// A pointer to content (image-spec descriptor.md). Its `urls` are not followed: they would send
/// this node wherever an image says. Annotations are data: all they ever give is an archive's names.
struct Descriptor {
  std::string media_type;
  Digest digest;
  std::uint64_t size = 0;
  std::optional<Platform> platform;
  std::map<std::string, std::string> annotations;
};

/// One image of one platform: OCI manifest or Docker schema 2.
struct Manifest {
  Descriptor config;
  std::vector<Descriptor> layers;  ///< bottom first
};

/// OCI index or Docker manifest list.
struct Index {
  std::vector<Descriptor> manifests;
};

/// What one document turned out to be.
struct ManifestDocument {
  std::unique_ptr<Manifest> manifest;  ///< null: it is an index
  Index index;
};

/// Reads an untrusted document. `content_type` is the server's header, or empty. Refused with a
/// reason (kFailedPrecondition): schema 1, encrypted layers, artifacts, more than kMaxLayers layers,
/// and whatever could be read in two ways: a type that contradicts the header or the shape.
Result<ManifestDocument> parse_manifest(std::string_view bytes, std::string_view content_type);

/// One descriptor of a document; kInvalidArgument names `subject`.
Result<Descriptor> parse_descriptor(const Json& object, std::string_view subject);

/// The descriptor of an index that suits `host`. kNotFound lists what there is.
Result<Descriptor> choose_manifest(const Index& index, const Platform& host);

}  // namespace berth::image
