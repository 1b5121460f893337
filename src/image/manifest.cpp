// SPDX-License-Identifier: Apache-2.0
#include "image/manifest.hpp"

#include "base/cat.hpp"
#include "image/media_types.hpp"

namespace berth::image {
namespace {

constexpr std::size_t kMaxIndexEntries = 10'000;
constexpr std::uint64_t kMaxBlobSize = 1ULL << 40;

Error refuse(std::string message) {
  return {Code::kFailedPrecondition, std::move(message)};
}
Error malformed_document(std::string message) {
  return {Code::kInvalidArgument, std::move(message)};
}

Error refuse_artifact(std::string_view type) {
  return refuse(cat("this is an artifact of type \"", type, "\", not a container image"));
}

bool has(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && !found->is_null();
}

Result<std::optional<Platform>> parse_platform(const Json& object, std::string_view subject) {
  const auto found = object.find("platform");
  if (found == object.end() || found->is_null()) return std::optional<Platform>();
  Platform platform;
  ASSIGN_OR_RETURN(platform.os, json_string_or(*found, "os", "", subject));
  ASSIGN_OR_RETURN(platform.architecture, json_string_or(*found, "architecture", "", subject));
  ASSIGN_OR_RETURN(platform.variant, json_string_or(*found, "variant", "", subject));
  return std::optional<Platform>(std::move(platform));
}

Result<std::map<std::string, std::string>> parse_annotations(const Json& object, std::string_view subject) {
  std::map<std::string, std::string> annotations;
  const auto found = object.find("annotations");
  if (found == object.end() || found->is_null()) return annotations;
  if (!found->is_object()) return malformed_document(cat(subject, ": \"annotations\" is not an object"));
  for (const auto& [key, value] : found->items()) {
    if (!value.is_string())
      return malformed_document(cat(subject, ": annotation \"", key, "\" is not a string"));
    annotations.emplace(key, value.get_ref<const std::string&>());
  }
  return annotations;
}

Result<const Json*> array_of(const Json& object, const char* key, std::size_t limit, const char* subject) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array())
    return malformed_document(cat(subject, ": \"", key, "\" is not an array"));
  if (found->size() > limit)
    return refuse(cat(subject, " has ", found->size(), " ", key, ", the limit is ", limit));
  return &*found;
}

Result<void> check_layer(const Descriptor& layer) {
  switch (media_kind(layer.media_type)) {
    case MediaKind::kLayer:
    case MediaKind::kForeignLayer:
      return {};
    case MediaKind::kEncryptedLayer:
      return refuse(cat("layer ", layer.digest.text(), " is encrypted, which is not supported"));
    default:
      return refuse(
          cat("layer ", layer.digest.text(), " has the unsupported media type \"", layer.media_type, "\""));
  }
}

Result<ManifestDocument> parse_image_manifest(const Json& document) {
  ASSIGN_OR_RETURN(const std::string artifact_type, json_string_or(document, "artifactType", "", "manifest"));
  const auto config_object = document.find("config");
  if (config_object == document.end()) return malformed_document("manifest: \"config\" is missing");
  ASSIGN_OR_RETURN(Descriptor config, parse_descriptor(*config_object, "manifest config"));
  if (media_kind(config.media_type) != MediaKind::kConfig)
    return refuse_artifact(artifact_type.empty() ? config.media_type : artifact_type);
  if (config.size > kMaxConfigSize)
    return refuse(cat("the image config has ", config.size, " bytes, the limit is ", kMaxConfigSize));
  Manifest manifest{std::move(config), {}};
  ASSIGN_OR_RETURN(const Json* layers, array_of(document, "layers", kMaxLayers, "manifest"));
  for (const Json& entry : *layers) {
    ASSIGN_OR_RETURN(Descriptor layer, parse_descriptor(entry, "manifest layer"));
    RETURN_IF_ERROR(check_layer(layer));
    manifest.layers.push_back(std::move(layer));
  }
  return ManifestDocument{std::make_unique<Manifest>(std::move(manifest)), {}};
}

Result<ManifestDocument> parse_index(const Json& document) {
  Index index;
  ASSIGN_OR_RETURN(const Json* entries, array_of(document, "manifests", kMaxIndexEntries, "index"));
  for (const Json& entry : *entries) {
    ASSIGN_OR_RETURN(Descriptor descriptor, parse_descriptor(entry, "index entry"));
    index.manifests.push_back(std::move(descriptor));
  }
  return ManifestDocument{nullptr, std::move(index)};
}

// The one kind that header, mediaType field and shape agree on.
Result<MediaKind> document_kind(const Json& document, std::string_view content_type) {
  ASSIGN_OR_RETURN(const std::string stated, json_string_or(document, "mediaType", "", "manifest"));
  const std::string served = bare_media_type(content_type);
  const bool served_known = media_kind(served) != MediaKind::kUnknown;
  if (served_known && !stated.empty() && stated != served) {
    return refuse(cat("the manifest says it is \"", stated, "\", but was served as \"", served, "\""));
  }
  const bool old_shape = has(document, "fsLayers") || has(document, "signatures");
  const MediaKind kind = media_kind(stated.empty() ? served : stated);
  if (kind == MediaKind::kSchema1 || old_shape || document.value("schemaVersion", Json(2)) == 1) {
    return refuse(
        "the manifest has Docker's schema 1, which is not supported: push the image again with a newer tool");
  }
  if (kind == MediaKind::kArtifact) {
    ASSIGN_OR_RETURN(const std::string type, json_string_or(document, "artifactType", "", "manifest"));
    return refuse_artifact(type);
  }
  const bool image_shape = has(document, "layers") || has(document, "config");
  const bool index_shape = has(document, "manifests");
  if (image_shape && index_shape) return refuse("the manifest can be read as an image and as an index");
  if (!image_shape && !index_shape)
    return refuse(cat("neither an image manifest nor an index (mediaType \"", stated, "\")"));
  const MediaKind shape = index_shape ? MediaKind::kIndex : MediaKind::kManifest;
  const bool stated_other = (kind != shape) && (kind != MediaKind::kUnknown || !stated.empty());
  if (stated_other)
    return refuse(cat("the manifest has the type \"", stated.empty() ? served : stated,
                      "\", which its content is not"));
  return shape;
}

}  // namespace

Result<Descriptor> parse_descriptor(const Json& object, std::string_view subject) {
  if (!object.is_object()) return malformed_document(cat(subject, " is not an object"));
  ASSIGN_OR_RETURN(std::string media_type, json_string_or(object, "mediaType", "", subject));
  ASSIGN_OR_RETURN(const std::string digest_text, json_string(object, "digest", subject));
  auto digest = Digest::parse(digest_text);
  if (!digest) return std::move(digest).context(std::string(subject)).error();
  const auto size = object.find("size");
  const bool counted =
      size != object.end() && size->is_number_unsigned() && size->get<std::uint64_t>() <= kMaxBlobSize;
  if (!counted)
    return malformed_document(cat(subject, ": \"size\" is not a number of bytes up to ", kMaxBlobSize));
  ASSIGN_OR_RETURN(auto platform, parse_platform(object, subject));
  ASSIGN_OR_RETURN(auto annotations, parse_annotations(object, subject));
  return Descriptor{std::move(media_type), *std::move(digest), size->get<std::uint64_t>(),
                    std::move(platform), std::move(annotations)};
}

Result<ManifestDocument> parse_manifest(std::string_view bytes, std::string_view content_type) {
  ASSIGN_OR_RETURN(const Json document, parse_json(bytes, kMaxManifestSize, "manifest"));
  if (!document.is_object()) return malformed_document("the manifest is not a JSON object");
  ASSIGN_OR_RETURN(const MediaKind kind, document_kind(document, content_type));
  if (kind == MediaKind::kIndex) return parse_index(document);
  return parse_image_manifest(document);
}

Result<Descriptor> choose_manifest(const Index& index, const Platform& host) {
  std::vector<std::optional<Platform>> platforms;
  std::string offered;
  for (const Descriptor& entry : index.manifests) {
    platforms.push_back(entry.platform);
    if (entry.platform && offered.size() < 500)
      offered += (offered.empty() ? "" : ", ") + entry.platform->text();
  }
  if (const auto chosen = choose_platform(platforms, host)) return index.manifests[*chosen];
  // Without platforms there is nothing to choose by; one entry needs no choice.
  if (index.manifests.size() == 1 && !platforms.front()) return index.manifests.front();
  return Error(Code::kNotFound,
               cat("no image for ", host.text(), " (there is: ", offered.empty() ? "none" : offered, ")"));
}

}  // namespace berth::image
