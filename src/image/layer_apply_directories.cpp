// SPDX-License-Identifier: Apache-2.0
// The part of LayerTree that changes directories: making, clearing, whiting out, finishing.
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/remove_tree.hpp"
#include "image/layer_apply_tree.hpp"

namespace berth::image {
namespace {

constexpr std::uint64_t kMaxUnfinishedBytes = 256UL * 1024 * 1024;

Result<struct stat> stat_of(int fd) {
  struct stat status {};
  if (::fstatat(fd, "", &status, AT_EMPTY_PATH) != 0) return Error::from_errno(errno, "stat", "a directory");
  return status;
}

}  // namespace

Result<void> LayerTree::count(std::uint64_t inodes, std::uint64_t bytes) {
  if (bytes > target_.max_bytes - totals_.bytes) {
    return Error(Code::kResourceExhausted,
                 cat("the layer expands to more than ", target_.max_bytes, " bytes"));
  }
  if (inodes > target_.max_entries - totals_.inodes) {
    return Error(Code::kResourceExhausted, cat("the layer has more than ", target_.max_entries, " files"));
  }
  totals_.bytes += bytes;
  totals_.inodes += inodes;
  return {};
}

Result<void> LayerTree::clear(const Place& place) {
  cached_path_.clear();  // the directory that is cached may be the one that goes
  if (::unlinkat(place.directory, place.name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR) return Error::from_errno(errno, "replace", place.name);
  if (::fchdir(place.directory) != 0) return Error::from_errno(errno, "enter", "the parent directory");
  return remove_tree(place.name);
}

Result<bool> LayerTree::was_whited_out(const Place& place) const {
  if (whited_out_.empty()) return false;
  ASSIGN_OR_RETURN(const struct stat parent, stat_of(place.directory));
  return whited_out_.count({parent.st_ino, place.name}) != 0;
}

Result<void> LayerTree::make_directory(const Place& place) {
  if (::mkdirat(place.directory, place.name.c_str(), 0755) != 0) {
    if (errno != EEXIST) return Error::from_errno(errno, "create directory", place.name);
    struct stat status {};
    if (::fstatat(place.directory, place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return Error::from_errno(errno, "stat", place.name);
    }
    if (S_ISDIR(status.st_mode)) return {};
    RETURN_IF_ERROR(clear(place));
    if (::mkdirat(place.directory, place.name.c_str(), 0755) != 0) {
      return Error::from_errno(errno, "create directory", place.name);
    }
  }
  RETURN_IF_ERROR(count(1, 0));
  ASSIGN_OR_RETURN(const bool hides, was_whited_out(place));
  return hides ? make_opaque(place.directory, place.name) : Result<void>();
}

Result<void> LayerTree::make_opaque(int parent, const std::string& name) {
  ASSIGN_OR_RETURN(UniqueFd directory, open_no_links(parent, name, O_RDONLY | O_DIRECTORY));
  if (::fsetxattr(directory.get(), kOpaqueXattr, "y", 1, 0) == 0) return {};
  return Error::from_errno(errno, "make opaque", name);
}

Result<void> LayerTree::white_out(const Place& place) {
  ASSIGN_OR_RETURN(const struct stat parent, stat_of(place.directory));
  whited_out_.emplace(parent.st_ino, place.name);
  struct stat status {};
  if (::fstatat(place.directory, place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
    // What this layer itself brings stays; as a directory it must not merge with the one below.
    return S_ISDIR(status.st_mode) ? make_opaque(place.directory, place.name) : Result<void>();
  }
  if (errno != ENOENT) return Error::from_errno(errno, "stat", place.name);
  RETURN_IF_ERROR(count(1, 0));
  if (::mknodat(place.directory, place.name.c_str(), S_IFCHR, ::makedev(0, 0)) == 0) return {};
  return Error::from_errno(errno, "white out", place.name);
}

Result<void> LayerTree::finish_later(const Place& place, DirectoryAttributes attributes) {
  struct stat status {};
  if (::fstatat(place.directory, place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return Error::from_errno(errno, "stat", place.name);
  }
  for (const auto& [name, value] : attributes.late_xattrs) unfinished_bytes_ += name.size() + value.size();
  if (unfinished_bytes_ > kMaxUnfinishedBytes) {
    return Error(Code::kResourceExhausted, "the layer's directories have too many attributes");
  }
  unfinished_.insert_or_assign(Inode(status.st_dev, status.st_ino), std::move(attributes));
  return {};
}

// Children before parents, since a parent may end up closed to us.
Result<void> LayerTree::finish() {
  std::vector<std::pair<Inode, DirectoryAttributes>> all(std::make_move_iterator(unfinished_.begin()),
                                                         std::make_move_iterator(unfinished_.end()));
  unfinished_.clear();
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.second.path.size() > b.second.path.size(); });
  for (const auto& [inode, wanted] : all) {
    auto directory =
        open_in_root(target_.root, wanted.path.empty() ? "." : wanted.path, O_RDONLY | O_DIRECTORY);
    if (!directory) continue;  // replaced by a later entry
    ASSIGN_OR_RETURN(const struct stat status, stat_of(directory->get()));
    if (Inode(status.st_dev, status.st_ino) != inode) continue;
    RETURN_IF_ERROR(set_xattrs(directory->get(), wanted.late_xattrs).context(wanted.path));
    if ((status.st_mode & 07777) != wanted.mode && ::fchmod(directory->get(), wanted.mode) != 0)
      return Error::from_errno(errno, "set the mode of", wanted.path);
    RETURN_IF_ERROR(set_times({directory->get(), "."}, wanted.mtime_s, wanted.mtime_ns).context(wanted.path));
  }
  return {};
}

}  // namespace berth::image
