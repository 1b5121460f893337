// SPDX-License-Identifier: Apache-2.0
#include "base/cat.hpp"
#include "base/json.hpp"
#include "image/archive_images.hpp"
#include "image/media_types.hpp"
#include "image/reference.hpp"

namespace berth::image {
namespace {

Result<std::vector<std::string>> entry_strings(const Json& entry, const char* key) {
  std::vector<std::string> values;
  const auto found = entry.find(key);
  if (found == entry.end() || found->is_null()) return values;
  if (!found->is_array())
    return Error(Code::kInvalidArgument, cat("manifest.json: \"", key, "\" is not an array"));
  for (const Json& item : *found) {
    if (!item.is_string())
      return Error(Code::kInvalidArgument, cat("manifest.json: \"", key, "\" is not an array of strings"));
    values.push_back(item.get<std::string>());
  }
  return values;
}

/// Learns the digests of the archive's files, each once.
class FileDigests {
 public:
  FileDigests(const Archive& archive, std::map<std::string, std::string>& names, std::stop_token cancel)
      : archive_(archive), names_(names), cancel_(std::move(cancel)) {}

  Result<Descriptor> describe(const std::string& member, const char* media_type) {
    ASSIGN_OR_RETURN(const std::string name, normalise_member(member));
    if (const auto known = known_.find(name); known != known_.end()) return known->second;
    ASSIGN_OR_RETURN(const Archive::File file, archive_.find(name));
    Hasher hasher;
    const BlobReader hash = [&hasher](std::span<const std::byte> data) -> Result<void> {
      hasher.update(data);
      return {};
    };
    RETURN_IF_ERROR(read_stretch(file, hash, cancel_));
    Descriptor descriptor{media_type, hasher.finish(), file.size, {}, {}};
    names_[descriptor.digest.text()] = name;
    known_.emplace(name, descriptor);
    return descriptor;
  }

 private:
  const Archive& archive_;
  std::map<std::string, std::string>& names_;
  std::stop_token cancel_;
  std::map<std::string, Descriptor> known_;
};

Result<ArchiveImage> read_entry(const Json& entry, FileDigests& files) {
  ASSIGN_OR_RETURN(const std::string config, json_string(entry, "Config", "manifest.json"));
  ASSIGN_OR_RETURN(const auto tags, entry_strings(entry, "RepoTags"));
  ASSIGN_OR_RETURN(const auto layers, entry_strings(entry, "Layers"));
  if (layers.size() > kMaxLayers) {
    return Error(Code::kFailedPrecondition,
                 cat("manifest.json names ", layers.size(), " layers, the limit is ", kMaxLayers));
  }
  ASSIGN_OR_RETURN(Descriptor config_file, files.describe(config, kOciConfigType));
  ArchiveImage image{Manifest{std::move(config_file), {}}, "", {}, {}};
  for (const std::string& layer : layers) {
    ASSIGN_OR_RETURN(Descriptor file, files.describe(layer, kOciLayerType));
    image.manifest.layers.push_back(std::move(file));
  }
  image.manifest_json = format_manifest(image.manifest);
  for (const std::string& tag : tags) {
    auto reference = parse_reference(tag);
    if (!reference) return std::move(reference).context("manifest.json: RepoTags").error();
    image.names.push_back(reference->text());
  }
  return image;
}

}  // namespace

Json to_json(const Descriptor& descriptor) {
  return {
      {"mediaType", descriptor.media_type}, {"digest", descriptor.digest.text()}, {"size", descriptor.size}};
}

std::string format_manifest(const Manifest& manifest) {
  Json layers = Json::array();
  for (const Descriptor& layer : manifest.layers) layers.push_back(to_json(layer));
  return to_text(Json{{"schemaVersion", 2},
                      {"mediaType", kOciManifestType},
                      {"config", to_json(manifest.config)},
                      {"layers", layers}});
}

Result<ArchiveContents> read_docker_archive(const Archive& archive, std::stop_token cancel) {
  ASSIGN_OR_RETURN(const std::string text, archive.read("manifest.json", kMaxManifestSize));
  ASSIGN_OR_RETURN(const Json document, parse_json(text, kMaxManifestSize, "manifest.json"));
  if (!document.is_array() || document.empty())
    return Error(Code::kInvalidArgument, "manifest.json is not a list of images");
  ArchiveContents contents;
  FileDigests files(archive, contents.files_by_digest, cancel);
  for (const Json& entry : document) {
    ASSIGN_OR_RETURN(ArchiveImage image, read_entry(entry, files));
    contents.images.push_back(std::move(image));
  }
  return contents;
}

}  // namespace berth::image
