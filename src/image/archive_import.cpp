// SPDX-License-Identifier: Apache-2.0
#include "image/archive_import.hpp"

#include <algorithm>
#include <filesystem>

#include "base/cat.hpp"
#include "image/archive.hpp"
#include "image/archive_images.hpp"
#include "image/reference.hpp"
#include "image/trust/verify.hpp"

namespace berth::image {
namespace {

Result<ArchiveContents> read_contents(const Archive& archive, std::stop_token cancel) {
  if (archive.has("oci-layout")) return read_oci_layout(archive, cancel);
  if (archive.has("manifest.json")) return read_docker_archive(archive, cancel);
  return Error(Code::kInvalidArgument,
               "neither an OCI layout (oci-layout) nor a docker-archive (manifest.json)");
}

// The caller's name instead of the archive's.
Result<void> rename(ArchiveContents& contents, const std::string& name) {
  if (name.empty()) return {};
  ASSIGN_OR_RETURN(const Reference reference, parse_reference(name));
  if (reference.digest)
    return Error(Code::kInvalidArgument, cat("the name \"", name, "\" has a digest; an import needs a tag"));
  for (const ArchiveImage& image : contents.images) {
    if (image.manifest.config.digest == contents.images.front().manifest.config.digest) continue;
    return Error(Code::kInvalidArgument,
                 cat("\"", name, "\" cannot name the ", contents.images.size(), " images that it holds"));
  }
  for (ArchiveImage& image : contents.images) image.names = {reference.text()};
  return {};
}

/// What policies call the archive.
struct Origin {
  std::string transport;  ///< containers-transports(5)
  std::string path;
};

Result<Origin> origin_of(const Archive& archive, const std::string& path) {
  std::error_code failure;
  const std::string real = std::filesystem::canonical(path, failure).string();
  if (failure) return Error::from_errno(failure.value(), "resolve", path);
  if (!archive.has("oci-layout")) return Origin{"docker-archive", real};
  return Origin{std::filesystem::is_directory(real, failure) ? "oci" : "oci-archive", real};
}

Result<ImagePtr> install(const ArchiveSource& source, const ArchiveImage& image, const std::string& name,
                         const Origin& origin, ImageInstaller& installer, std::stop_token cancel) {
  InstallRequest request{image.manifest, image.manifest_json, name, {}, {}};
  request.signatures.push_back(
      {SignatureKind::kImport, sha256(image.manifest_json), cat(origin.transport, ":", origin.path), ""});
  if (!name.empty()) {
    ASSIGN_OR_RETURN(const Reference reference, parse_reference(name));
    for (const std::string& digest : image.digests)
      request.repo_digests.push_back(cat(reference.name(), "@", digest));
    std::sort(request.repo_digests.begin(), request.repo_digests.end());
  }
  PullProgress unwatched;
  return installer.install(source, request, cancel, unwatched);
}

void add(std::vector<ImagePtr>& images, ImagePtr image) {
  // Installed again under another name: the later snapshot knows all names.
  std::erase_if(images, [&](const ImagePtr& earlier) { return earlier->id == image->id; });
  images.push_back(std::move(image));
}

}  // namespace

Result<std::vector<ImagePtr>> import_archive(const std::string& path, const std::string& name,
                                             const std::string& policy, ImageStore& store,
                                             ImageInstaller& installer, std::stop_token cancel) {
  ASSIGN_OR_RETURN(const auto archive, Archive::open(path, store.usage().mount_point, cancel));
  ASSIGN_OR_RETURN(const Origin origin, origin_of(*archive, path));
  RETURN_IF_ERROR(verify_import(policy, origin.transport, origin.path));
  ASSIGN_OR_RETURN(ArchiveContents contents, read_contents(*archive, cancel));
  RETURN_IF_ERROR(rename(contents, name));
  const ArchiveSource source(*archive, contents.files_by_digest);
  std::vector<ImagePtr> images;
  for (const ArchiveImage& image : contents.images) {
    const auto names = image.names.empty() ? std::vector<std::string>{""} : image.names;
    for (const std::string& each : names) {
      ASSIGN_OR_RETURN(ImagePtr installed, install(source, image, each, origin, installer, cancel));
      add(images, std::move(installed));
    }
  }
  return images;
}

}  // namespace berth::image
