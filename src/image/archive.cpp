// SPDX-License-Identifier: Apache-2.0
#include "image/archive.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/cat.hpp"
#include "base/dir.hpp"

namespace berth::image {
namespace {

constexpr std::size_t kPiece = 256U << 10;

/// An OCI layout on disk.
class DirectoryArchive final : public Archive {
 public:
  explicit DirectoryArchive(UniqueFd root) : root_(std::move(root)) {}

  Result<File> find(const std::string& name) const override {
    // Not blocking, in case it is a pipe.
    auto opened = open_beneath(root_.get(), name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (!opened) {
      if (opened.error().sys_errno() == ENOENT)
        return Error(Code::kNotFound, cat("there is no \"", name, "\""));
      return std::move(opened).error();
    }
    struct stat status {};
    if (::fstat(opened->get(), &status) != 0) return Error::from_errno(errno, "fstat", name);
    if (!S_ISREG(status.st_mode))
      return Error(Code::kFailedPrecondition, cat("\"", name, "\" is not a regular file"));
    File file;
    file.owned = *std::move(opened);
    file.fd = file.owned.get();
    file.size = static_cast<std::uint64_t>(status.st_size);
    return file;
  }

 private:
  UniqueFd root_;
};

}  // namespace

Result<std::unique_ptr<Archive>> open_directory_archive(const std::string& path) {
  ASSIGN_OR_RETURN(UniqueFd root, open_at(kCwd, path, O_PATH | O_DIRECTORY | O_CLOEXEC));
  return std::unique_ptr<Archive>(std::make_unique<DirectoryArchive>(std::move(root)));
}

Result<std::unique_ptr<Archive>> Archive::open(const std::string& path, const std::string& spool_dir,
                                               std::stop_token cancel) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return Error::from_errno(errno, "open", path).recode(errno == ENOENT ? Code::kNotFound : Code::kInternal);
  }
  if (S_ISDIR(status.st_mode)) return open_directory_archive(path);
  if (!S_ISREG(status.st_mode))
    return Error(Code::kInvalidArgument, "neither a directory nor a regular file");
  ASSIGN_OR_RETURN(UniqueFd file, open_at(kCwd, path, O_RDONLY | O_CLOEXEC));
  return open_tar_archive(std::move(file), spool_dir, cancel);
}

Result<std::string> Archive::read(const std::string& name, std::size_t limit) const {
  ASSIGN_OR_RETURN(const File file, find(name));
  if (file.size > limit)
    return Error(Code::kFailedPrecondition,
                 cat("\"", name, "\" has ", file.size, " bytes, the limit is ", limit));
  std::string bytes;
  const BlobReader append = [&bytes](std::span<const std::byte> data) -> Result<void> {
    bytes.append(reinterpret_cast<const char*>(data.data()), data.size());
    return {};
  };
  RETURN_IF_ERROR(read_stretch(file, append, {}));
  return bytes;
}

Result<void> read_stretch(const Archive::File& file, const BlobReader& reader, std::stop_token cancel) {
  std::vector<std::byte> buffer(static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, file.size)));
  for (std::uint64_t done = 0; done < file.size;) {
    if (cancel.stop_requested()) return Error(Code::kCancelled, "the caller has gone");
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), file.size - done));
    const ssize_t got = ::pread(file.fd, buffer.data(), wanted, static_cast<off_t>(file.offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno(errno, "read", "the archive");
    if (got == 0) return Error(Code::kFailedPrecondition, "the archive ends within a file");
    const auto length = static_cast<std::size_t>(got);
    RETURN_IF_ERROR(reader(std::span(buffer).first(length)));
    done += length;
  }
  return {};
}

Result<std::string> normalise_member(std::string_view name) {
  std::string normal;
  const std::string_view whole = name;
  const auto refuse = [whole](std::string_view reason) {
    return Error(Code::kInvalidArgument, cat("archive member \"", whole.substr(0, 200), "\" ", reason));
  };
  if (name.starts_with('/')) return refuse("has an absolute name");
  while (!name.empty()) {
    const std::string_view part = name.substr(0, name.find('/'));
    name.remove_prefix(std::min(part.size() + 1, name.size()));
    if (part == "..") return refuse("climbs out of the archive");
    if (part.empty() || part == ".") continue;
    normal += (normal.empty() ? "" : "/") + std::string(part);
  }
  if (normal.empty()) return refuse("has no name");
  return normal;
}

Result<void> ArchiveSource::read_blob(const Descriptor& blob, const BlobReader& reader,
                                      std::stop_token cancel) const {
  const auto named = names_.find(blob.digest.text());
  const std::string name =
      named != names_.end() ? named->second : cat("blobs/", blob.digest.algorithm(), "/", blob.digest.hex());
  ASSIGN_OR_RETURN(const Archive::File file, archive_.find(name));
  if (file.size != blob.size) {
    return Error(Code::kFailedPrecondition,
                 cat("\"", name, "\" has ", file.size, " bytes, the manifest says ", blob.size));
  }
  Hasher hasher(blob.digest.algorithm());
  const BlobReader hashing = [&](std::span<const std::byte> data) {
    hasher.update(data);
    return reader(data);
  };
  RETURN_IF_ERROR(read_stretch(file, hashing, cancel));
  const Digest got = hasher.finish();
  if (got != blob.digest) return Error(Code::kFailedPrecondition, cat("digest mismatch: got ", got.text()));
  return {};
}

}  // namespace berth::image
