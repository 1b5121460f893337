// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "image/archive.hpp"
#include "image/byte_source.hpp"
#include "image/decompress.hpp"
#include "image/tar_reader.hpp"

namespace berth::image {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kMaxMembers = 1'000'000;
constexpr int kMaxLinks = 8;

/// A file block by block, so that the reader behind it never has more than it asked for: after a
/// header, position() is where the content begins.
class BlockSource final : public ByteSource {
 public:
  explicit BlockSource(int fd) : fd_(fd), buffer_(1U << 20) {}

  Result<std::span<const std::byte>> next() override {
    if (used_ == filled_) RETURN_IF_ERROR(refill());
    const std::size_t length = std::min(kBlock, filled_ - used_);
    const auto block = std::span<const std::byte>(buffer_).subspan(used_, length);
    used_ += length;
    position_ += length;
    return block;
  }
  std::uint64_t position() const { return position_; }

 private:
  // Full buffers but for the last: a block is never split.
  Result<void> refill() {
    used_ = filled_ = 0;
    while (filled_ < buffer_.size()) {
      const ssize_t got = ::pread(fd_, buffer_.data() + filled_, buffer_.size() - filled_,
                                  static_cast<off_t>(position_ + filled_));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Error::from_errno(errno, "read", "the archive");
      if (got == 0) return {};
      filled_ += static_cast<std::size_t>(got);
    }
    return {};
  }

  int fd_;
  std::vector<std::byte> buffer_;
  std::size_t used_ = 0, filled_ = 0;
  std::uint64_t position_ = 0;
};

class TarArchive final : public Archive {
 public:
  explicit TarArchive(UniqueFd file) : file_(std::move(file)) {}

  Result<void> index(const std::stop_token& cancel) {
    BlockSource source(file_.get());
    TarReader reader(source);
    while (true) {
      if (cancel.stop_requested()) return Error(Code::kCancelled, "the caller has gone");
      ASSIGN_OR_RETURN(const TarEntry* entry, reader.next());
      if (entry == nullptr) return {};
      if (members_.size() == kMaxMembers)
        return Error(Code::kResourceExhausted, cat("more than ", kMaxMembers, " members"));
      if (entry->type == TarEntry::Type::kDirectory && (entry->name == "." || entry->name == "./")) continue;
      ASSIGN_OR_RETURN(std::string name, normalise_member(entry->name));
      if (entry->type == TarEntry::Type::kFile) members_[name] = {source.position(), entry->size, ""};
      if (entry->type == TarEntry::Type::kHardLink) members_[name] = {0, 0, entry->link};
      if (entry->type == TarEntry::Type::kSymlink) members_[name] = {0, 0, beside(name, entry->link)};
    }
  }

  Result<File> find(const std::string& name) const override {
    std::string at = name;
    for (int links = 0; links <= kMaxLinks; ++links) {
      const auto found = members_.find(at);
      if (found == members_.end()) return Error(Code::kNotFound, cat("there is no \"", name, "\""));
      const Member& member = found->second;
      if (member.link.empty()) {
        File file;
        file.fd = file_.get();
        file.offset = member.offset;
        file.size = member.size;
        return file;
      }
      ASSIGN_OR_RETURN(at, normalise_member(member.link));
    }
    return Error(Code::kFailedPrecondition,
                 cat("\"", name, "\" is a chain of more than ", kMaxLinks, " links"));
  }

 private:
  struct Member {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::string link;  ///< another member's name
  };

  // Older archives of docker say "../<layer>/layer.tar": resolved by name, within the archive.
  static std::string beside(const std::string& name, std::string_view target) {
    std::string directory = name.substr(0, name.rfind('/') == std::string::npos ? 0 : name.rfind('/'));
    while (target.starts_with("../") && !directory.empty()) {
      target.remove_prefix(3);
      const std::size_t slash = directory.rfind('/');
      directory.resize(slash == std::string::npos ? 0 : slash);
    }
    return directory.empty() || target.starts_with('/') ? std::string(target) : cat(directory, "/", target);
  }

  UniqueFd file_;
  std::map<std::string, Member> members_;
};

bool is_compressed(int fd) {
  std::array<unsigned char, 4> magic{};
  if (::pread(fd, magic.data(), magic.size(), 0) != static_cast<ssize_t>(magic.size())) return false;
  const bool gzip = magic[0] == 0x1f && magic[1] == 0x8b;
  const bool zstd = magic[0] == 0x28 && magic[1] == 0xb5 && magic[2] == 0x2f && magic[3] == 0xfd;
  return gzip || zstd;
}

// Blobs are read in any order, and a compressed file has only one.
Result<UniqueFd> spool(const UniqueFd& compressed, const std::string& spool_dir,
                       const std::stop_token& cancel) {
  ASSIGN_OR_RETURN(UniqueFd plain, open_at(kCwd, spool_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  FdSource raw(compressed.get());
  ASSIGN_OR_RETURN(const auto inflated, decompress(raw));
  while (true) {
    if (cancel.stop_requested()) return Error(Code::kCancelled, "the caller has gone");
    ASSIGN_OR_RETURN(const auto piece, inflated->next());
    if (piece.empty()) return plain;
    RETURN_IF_ERROR(write_fd(plain.get(), {reinterpret_cast<const char*>(piece.data()), piece.size()},
                             "the inflated archive"));
  }
}

}  // namespace

Result<std::unique_ptr<Archive>> open_tar_archive(UniqueFd file, const std::string& spool_dir,
                                                  std::stop_token cancel) {
  if (is_compressed(file.get())) {
    ASSIGN_OR_RETURN(file, spool(file, spool_dir, cancel));
  }
  auto archive = std::make_unique<TarArchive>(std::move(file));
  RETURN_IF_ERROR(archive->index(cancel));
  return std::unique_ptr<Archive>(std::move(archive));
}

}  // namespace berth::image
