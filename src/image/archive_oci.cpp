// SPDX-License-Identifier: Apache-2.0
#include "base/cat.hpp"
#include "base/json.hpp"
#include "image/archive_images.hpp"
#include "image/image_install.hpp"
#include "image/media_types.hpp"
#include "image/reference.hpp"

namespace berth::image {
namespace {

// containerd's annotation holds the whole name; the standard one may be a mere tag, which names nothing.
std::vector<std::string> names_of(const Descriptor& entry) {
  for (const char* key : {"io.containerd.image.name", "org.opencontainers.image.ref.name"}) {
    const auto found = entry.annotations.find(key);
    if (found == entry.annotations.end()) continue;
    const auto reference = parse_reference(found->second);
    const bool whole = found->second.find_first_of("/:") != std::string::npos;
    if (reference && whole && !reference->digest) return {reference->text()};
  }
  return {};
}

bool is_for_this_host(const Descriptor& entry) {
  return !entry.platform || choose_platform({entry.platform}, host_platform()).has_value();
}

Result<ArchiveImage> resolve(const ArchiveSource& source, Descriptor at, std::stop_token cancel) {
  ArchiveImage image{Manifest{at, {}}, "", {}, {}};
  for (int depth = 0; depth <= kMaxIndexDepth; ++depth) {
    const std::string frame = cat("manifest ", at.digest.text());
    auto bytes = read_small_blob(source, at, cancel);
    if (!bytes) return std::move(bytes).context(frame).error();
    auto document = parse_manifest(*bytes, at.media_type);
    if (!document) return std::move(document).context(frame).error();
    image.digests.push_back(at.digest.text());
    if (document->manifest) {
      image.manifest = std::move(*document->manifest);
      image.manifest_json = *std::move(bytes);
      return image;
    }
    auto chosen = choose_manifest(document->index, host_platform());
    if (!chosen) return std::move(chosen).context(frame).error();
    at = *std::move(chosen);
  }
  return Error(Code::kFailedPrecondition, cat("indexes are nested deeper than ", kMaxIndexDepth));
}

}  // namespace

Result<ArchiveContents> read_oci_layout(const Archive& archive, std::stop_token cancel) {
  ASSIGN_OR_RETURN(const std::string layout_json, archive.read("oci-layout", 4096));
  ASSIGN_OR_RETURN(const Json layout, parse_json(layout_json, 4096, "oci-layout"));
  ASSIGN_OR_RETURN(const std::string version, json_string(layout, "imageLayoutVersion", "oci-layout"));
  if (!version.starts_with("1."))
    return Error(Code::kUnimplemented, cat("OCI layout version \"", version, "\" is not supported"));
  ASSIGN_OR_RETURN(const std::string index_json, archive.read("index.json", kMaxManifestSize));
  auto document = parse_manifest(index_json, "");
  if (!document) return std::move(document).context("index.json").error();
  if (document->manifest) return Error(Code::kFailedPrecondition, "index.json is not an index");
  const ArchiveSource source(archive, {});
  ArchiveContents contents;
  for (const Descriptor& entry : document->index.manifests) {
    if (!is_for_this_host(entry)) continue;
    ASSIGN_OR_RETURN(ArchiveImage image, resolve(source, entry, cancel));
    image.names = names_of(entry);
    contents.images.push_back(std::move(image));
  }
  if (contents.images.empty())
    return Error(Code::kNotFound, cat("no image for ", host_platform().text(), " in index.json"));
  return contents;
}

}  // namespace berth::image
