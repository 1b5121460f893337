// SPDX-License-Identifier: Apache-2.0
#include "image/archive_export.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <set>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/json.hpp"
#include "image/archive_images.hpp"
#include "image/archive_layer.hpp"
#include "image/media_types.hpp"
#include "image/tar_format.hpp"

namespace berth::image {
namespace {

std::string blob_name(const Digest& digest) {
  return cat("blobs/", digest.algorithm(), "/", digest.hex());
}

/// The tar under construction. Blobs are named by digests, which are known when they have been written.
class ExportFile {
 public:
  static Result<ExportFile> create(const std::string& path) {
    auto fd = open_at(kCwd, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (!fd && fd.error().sys_errno() == EEXIST)
      return Error(Code::kAlreadyExists, cat(path, " exists already"));
    if (!fd) return std::move(fd).error();
    return ExportFile(*std::move(fd));
  }

  Result<void> add(const std::string& name, std::string_view content) {
    TarEntry entry;
    entry.name = name;
    entry.mode = 0644;
    entry.size = content.size();
    return append(cat(format_tar_header(entry), content, tar_padding(content.size())));
  }

  Result<Descriptor> add_document(const char* media_type, const std::string& bytes) {
    Descriptor blob{media_type, sha256(bytes), bytes.size(), {}, {}};
    if (blobs_.insert(blob.digest.text()).second) RETURN_IF_ERROR(add(blob_name(blob.digest), bytes));
    return blob;
  }

  Result<Descriptor> add_layer(const std::string& directory, const std::stop_token& cancel) {
    const std::uint64_t start = size_;
    RETURN_IF_ERROR(append(std::string(kHeader, '\0')));
    Hasher hasher;
    const TarOutput output = [&](std::string_view data) {
      hasher.update(data);
      return append(data);
    };
    RETURN_IF_ERROR(pack_layer(directory, output, cancel));
    TarEntry entry;
    entry.mode = 0644;
    entry.size = size_ - start - kHeader;
    Descriptor blob{kOciLayerType, hasher.finish(), entry.size, {}, {}};
    if (!blobs_.insert(blob.digest.text()).second) {
      RETURN_IF_ERROR(shrink(start));  // another layer was the same
      return blob;
    }
    entry.name = blob_name(blob.digest);
    const std::string header = format_tar_header(entry);
    if (::pwrite(fd_.get(), header.data(), header.size(), static_cast<off_t>(start)) != kHeader)
      return Error::from_errno(errno, "write", "the archive");
    RETURN_IF_ERROR(append(tar_padding(entry.size)));
    return blob;
  }

  Result<void> finish() {
    RETURN_IF_ERROR(append(tar_end()));
    if (::fsync(fd_.get()) != 0) return Error::from_errno(errno, "sync", "the archive");
    return {};
  }

 private:
  static constexpr ssize_t kHeader = 512;

  explicit ExportFile(UniqueFd fd) : fd_(std::move(fd)) {}

  Result<void> append(std::string_view data) {
    RETURN_IF_ERROR(write_fd(fd_.get(), data, "the archive"));
    size_ += data.size();
    return {};
  }

  Result<void> shrink(std::uint64_t size) {
    const auto at = static_cast<off_t>(size);
    if (::ftruncate(fd_.get(), at) != 0 || ::lseek(fd_.get(), at, SEEK_SET) != at)
      return Error::from_errno(errno, "shorten", "the archive");
    size_ = size;
    return {};
  }

  UniqueFd fd_;
  std::uint64_t size_ = 0;
  std::set<std::string> blobs_;
};

/// The layers of all exported images stay while this lives.
class LayersHeld {
 public:
  explicit LayersHeld(ImageStore& store) : store_(store), key_("export:" + random_id()) {}
  ~LayersHeld() { store_.release_layers(key_); }
  LayersHeld(const LayersHeld&) = delete;
  LayersHeld& operator=(const LayersHeld&) = delete;
  Result<void> add(const Image& image) { return store_.hold_layers(key_, image.layers); }

 private:
  ImageStore& store_;
  std::string key_;
};

/// The image's config with the diff IDs of the layers as they are packed now.
Result<std::string> config_for(const std::string& original, const std::vector<Descriptor>& layers) {
  ASSIGN_OR_RETURN(Json config, parse_json(original, kMaxConfigSize, "the image's config"));
  Json diff_ids = Json::array();
  for (const Descriptor& layer : layers) diff_ids.push_back(layer.digest.text());
  config["rootfs"] = {{"type", "layers"}, {"diff_ids", diff_ids}};
  return to_text(config);
}

class Exporter {
 public:
  Exporter(ImageStore& store, ExportFile file, std::stop_token cancel)
      : store_(store), file_(std::move(file)), cancel_(std::move(cancel)), held_(store) {}

  Result<void> add(const Image& image) {
    RETURN_IF_ERROR(held_.add(image));
    Manifest manifest{Descriptor{"", sha256(""), 0, {}, {}}, {}};
    for (const Layer& layer : image.layers) {
      auto packed = packed_.find(layer.number);
      if (packed == packed_.end()) {
        auto blob = file_.add_layer(store_.layer_dir(layer), cancel_);
        if (!blob) return std::move(blob).context("pack layer " + layer.diff_id.text()).error();
        packed = packed_.emplace(layer.number, *std::move(blob)).first;
      }
      manifest.layers.push_back(packed->second);
    }
    ASSIGN_OR_RETURN(const std::string original, store_.config_json(image.id));
    ASSIGN_OR_RETURN(const std::string config, config_for(original, manifest.layers));
    ASSIGN_OR_RETURN(manifest.config, file_.add_document(kOciConfigType, config));
    ASSIGN_OR_RETURN(const Descriptor blob, file_.add_document(kOciManifestType, format_manifest(manifest)));
    list(image, manifest, blob);
    return {};
  }

  Result<std::vector<ExportedImage>> finish() {
    const Json index = {{"schemaVersion", 2}, {"mediaType", kOciIndexType}, {"manifests", index_}};
    RETURN_IF_ERROR(file_.add("oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
    RETURN_IF_ERROR(file_.add("index.json", to_text(index)));
    RETURN_IF_ERROR(file_.add("manifest.json", to_text(docker_)));
    RETURN_IF_ERROR(file_.finish());
    return std::move(exported_);
  }

 private:
  /// One entry per name, as containerd and skopeo look for them; a nameless one for an image without.
  void list(const Image& image, const Manifest& manifest, const Descriptor& blob) {
    Json entry = to_json(blob);
    if (image.repo_tags.empty()) index_.push_back(entry);
    for (const std::string& name : image.repo_tags) {
      entry["annotations"] = {{"io.containerd.image.name", name},
                              {"org.opencontainers.image.ref.name", name}};
      index_.push_back(entry);
    }
    Json layers = Json::array();
    for (const Descriptor& layer : manifest.layers) layers.push_back(blob_name(layer.digest));
    docker_.push_back(
        {{"Config", blob_name(manifest.config.digest)}, {"RepoTags", image.repo_tags}, {"Layers", layers}});
    exported_.push_back({manifest.config.digest.text(), image.repo_tags});
  }

  ImageStore& store_;
  ExportFile file_;
  std::stop_token cancel_;
  LayersHeld held_;
  std::map<std::uint64_t, Descriptor> packed_;  // by the layer's number
  Json index_ = Json::array();
  Json docker_ = Json::array();
  std::vector<ExportedImage> exported_;
};

}  // namespace

Result<std::vector<ExportedImage>> export_images(ImageStore& store,
                                                 const std::vector<std::string>& references,
                                                 const std::string& path, std::stop_token cancel) {
  std::map<std::string, ImagePtr> images;  // by ID: two names of one image are one
  for (const std::string& reference : references) {
    const ImagePtr image = store.find(reference);
    if (!image) return Error(Code::kNotFound, cat("there is no image \"", reference, "\""));
    images.emplace(image->id, image);
  }
  if (images.empty()) return Error(Code::kInvalidArgument, "no image is named");
  ASSIGN_OR_RETURN(ExportFile file, ExportFile::create(path));
  const auto write = [&]() -> Result<std::vector<ExportedImage>> {
    Exporter exporter(store, std::move(file), std::move(cancel));
    for (const auto& [id, image] : images) RETURN_IF_ERROR(exporter.add(*image).context("export " + id));
    return exporter.finish();
  };
  auto exported = write();
  if (!exported) (void)::unlink(path.c_str());
  return exported;
}

}  // namespace berth::image
