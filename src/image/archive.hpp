// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "image/content_source.hpp"

namespace berth::image {

/// The files of an image archive, by normalised name; nothing is unpacked. Thread-safe.
class Archive {
 public:
  /// A directory, or a tar that may be compressed (it is then inflated once into an unnamed file
  /// under `spool_dir`).
  static Result<std::unique_ptr<Archive>> open(const std::string& path, const std::string& spool_dir,
                                               std::stop_token cancel);
  virtual ~Archive() = default;

  /// A stretch of a file to be read with pread(2).
  struct File {
    int fd = -1;  ///< lives as long as the archive, or as `owned`
    UniqueFd owned;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };
  /// `name` is normalised. kNotFound when there is none.
  virtual Result<File> find(const std::string& name) const = 0;
  bool has(const std::string& name) const { return static_cast<bool>(find(name)); }
  /// A whole small file.
  Result<std::string> read(const std::string& name, std::size_t limit) const;
};

/// The two kinds behind Archive::open.
Result<std::unique_ptr<Archive>> open_directory_archive(const std::string& path);
Result<std::unique_ptr<Archive>> open_tar_archive(UniqueFd file, const std::string& spool_dir,
                                                  std::stop_token cancel);

/// Hands a stretch of a file to `reader` in pieces.
Result<void> read_stretch(const Archive::File& file, const BlobReader& reader, std::stop_token cancel);

/// "./a//b" -> "a/b". kInvalidArgument for what is empty, absolute, or climbs.
Result<std::string> normalise_member(std::string_view name);

/// An archive as a source of blobs: "blobs/<algorithm>/<hex>" of an OCI layout, or by a table from
/// digest to file name (docker-archive). Digests are checked while reading.
class ArchiveSource final : public ContentSource {
 public:
  ArchiveSource(const Archive& archive, std::map<std::string, std::string> names_by_digest)
      : archive_(archive), names_(std::move(names_by_digest)) {}
  Result<void> read_blob(const Descriptor& blob, const BlobReader& reader,
                         std::stop_token cancel) const override;

 private:
  const Archive& archive_;
  std::map<std::string, std::string> names_;
};

}  // namespace berth::image
