// SPDX-License-Identifier: Apache-2.0
#include "image/overlay_usage.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <set>
#include <string_view>
#include <vector>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "image/layer_apply_lowers.hpp"

namespace berth::image {
namespace {

constexpr std::uint64_t kMaxInodes = 10'000'000;
constexpr std::uint64_t kBlock = 512;  // unit of st_blocks

struct CloseDir {
  void operator()(DIR* stream) const { ::closedir(stream); }
};

class Measurement {
 public:
  explicit Measurement(UniqueFd root) : root_(std::move(root)) {}

  Result<Snapshotter::Usage> run() {
    struct stat status {};
    if (::fstat(root_.get(), &status) != 0) return Error::from_errno(errno, "stat", "the root");
    device_ = status.st_dev;
    RETURN_IF_ERROR(add(status));
    waiting_.emplace_back();
    while (!waiting_.empty()) {
      const std::string directory = std::move(waiting_.back());
      waiting_.pop_back();
      RETURN_IF_ERROR(visit(directory));
    }
    return usage_;
  }

 private:
  Result<void> add(const struct stat& status) {
    if (status.st_nlink > 1 && !S_ISDIR(status.st_mode) && !linked_.insert(status.st_ino).second) return {};
    usage_.bytes += static_cast<std::uint64_t>(status.st_blocks) * kBlock;
    if (++usage_.inodes > kMaxInodes)
      return Error(Code::kResourceExhausted, cat("more than ", kMaxInodes, " files"));
    return {};
  }

  // One descriptor at a time, however deep the tree is.
  Result<void> visit(const std::string& directory) {
    auto fd = open_no_links(root_.get(), directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NOATIME);
    if (!fd)
      return is_fleeting(fd.error().sys_errno()) ? Result<void>() : Result<void>(std::move(fd).error());
    const std::unique_ptr<DIR, CloseDir> stream(::fdopendir(fd->get()));
    if (!stream) return Error::from_errno(errno, "list", directory);
    (void)fd->release();
    while (const dirent* entry = ::readdir(stream.get())) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      struct stat status {};
      if (::fstatat(::dirfd(stream.get()), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (status.st_dev != device_) continue;
      RETURN_IF_ERROR(add(status));
      if (S_ISDIR(status.st_mode))
        waiting_.push_back(directory.empty() ? std::string(name) : cat(directory, "/", name));
    }
    return {};
  }

  // Removed or replaced meanwhile, or too deep.
  static bool is_fleeting(int err) {
    return err == ENOENT || err == ENOTDIR || err == ELOOP || err == ENAMETOOLONG;
  }

  UniqueFd root_;
  dev_t device_ = 0;
  Snapshotter::Usage usage_;
  std::set<ino_t> linked_;
  std::vector<std::string> waiting_;
};

}  // namespace

Result<Snapshotter::Usage> measure_tree(const std::string& root) {
  ASSIGN_OR_RETURN(UniqueFd fd, open_at(kCwd, root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  return Measurement(std::move(fd)).run();
}

}  // namespace berth::image
