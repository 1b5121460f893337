// SPDX-License-Identifier: Apache-2.0
#include "image/layer_apply_tree.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/cat.hpp"
#include "base/dir.hpp"

namespace berth::image {
namespace {

// Each symbolic link and each ".." in one costs a fresh walk.
constexpr int kMaxRestarts = 256;

std::string join(const std::string& directory, std::string_view name) {
  return directory.empty() ? std::string(name) : cat(directory, "/", name);
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

/// Where the symbolic link `name` leads; `path` is its directory, free of links.
Result<std::optional<std::string>> redirect(int directory, const std::string& path, const std::string& name) {
  std::array<char, kMaxTarName + 1> buffer{};
  const ssize_t length = ::readlinkat(directory, name.c_str(), buffer.data(), buffer.size());
  if (length < 0) return Error::from_errno(errno, "read link", name);
  const std::string_view target(buffer.data(), static_cast<std::size_t>(length));
  return std::optional<std::string>(target.starts_with('/') ? std::string(target) : join(path, target));
}

Error not_a_directory(const std::string& path) {
  return Error::from_errno(ENOTDIR, "enter", path);
}

}  // namespace

/// Where a walk stands: a path free of symbolic links, and its directory.
struct LayerTree::Walk {
  UniqueFd directory;
  std::string real;
  bool hidden = false;
};

LayerTree::LayerTree(const LayerTarget& target)
    : target_(target), lowers_(target.lowers, target.lowers_complete) {}

Result<int> LayerTree::open_directory(const std::string& path, bool for_whiteout) {
  if (path.empty()) return target_.root;
  if (cached_ && path == cached_path_) return cached_.get();
  cached_.reset();
  auto there = open_no_links(target_.root, path, O_PATH | O_DIRECTORY);
  Walk walk;
  if (there) {
    cached_ = *std::move(there);
  } else {
    RETURN_IF_ERROR(walk_to(path, for_whiteout, walk));
    cached_ = std::move(walk.directory);
  }
  cached_path_ = path;
  return cached_.get();
}

Result<LayerTree::Located> LayerTree::locate_directory(const std::string& path) {
  cached_.reset();
  Walk walk;
  RETURN_IF_ERROR(walk_to(path, false, walk));
  cached_ = std::move(walk.directory);
  cached_path_ = path;
  return Located{cached_.get(), walk.real, walk.hidden};
}

Result<void> LayerTree::walk_to(const std::string& path, bool for_whiteout, Walk& walk) {
  std::string rest = path;
  for (int restarts = 0; restarts <= kMaxRestarts; ++restarts) {
    // Deeper than a name can say no other program could go.
    if (rest.size() > kMaxTarName)
      return Error(Code::kInvalidArgument, cat("links lead to a path of more than ", kMaxTarName, " bytes"));
    ASSIGN_OR_RETURN(const std::optional<std::string> redirected, walk_once(rest, for_whiteout, walk));
    if (!redirected) return {};
    rest = *redirected;
  }
  return Error::from_errno(ELOOP, "enter", path);
}

/// From the root, component by component. A value: start again with this path instead.
Result<std::optional<std::string>> LayerTree::walk_once(const std::string& path, bool for_whiteout,
                                                        Walk& walk) {
  walk = Walk();
  ASSIGN_OR_RETURN(walk.directory, open_no_links(target_.root, "", O_PATH | O_DIRECTORY));
  RETURN_IF_ERROR(enter(walk, ""));
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string name = path.substr(at, end - at);
    at = end + 1;
    if (name.empty() || name == ".") continue;
    std::optional<std::string> redirected;
    if (name == "..") {
      redirected = parent_of(walk.real);
    } else {
      ASSIGN_OR_RETURN(redirected, step(walk, name, for_whiteout));
    }
    if (redirected)
      return std::optional<std::string>(at < path.size() ? cat(*redirected, "/", path.substr(at))
                                                         : *redirected);
  }
  return std::optional<std::string>();
}

/// Descends into a directory of this layer that is known to be one; "" is the root itself.
Result<void> LayerTree::enter(Walk& walk, const std::string& name) {
  ASSIGN_OR_RETURN(UniqueFd directory, open_no_links(walk.directory.get(), name, O_RDONLY | O_DIRECTORY));
  walk.hidden = walk.hidden || is_opaque(directory.get());
  walk.directory = std::move(directory);
  if (!name.empty()) walk.real = join(walk.real, name);
  return {};
}

Result<std::optional<std::string>> LayerTree::step(Walk& walk, const std::string& name, bool for_whiteout) {
  struct stat status {};
  if (::fstatat(walk.directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno != ENOENT) return Error::from_errno(errno, "stat", join(walk.real, name));
    return step_below(walk, name, for_whiteout);
  }
  if (S_ISLNK(status.st_mode)) {
    return redirect(walk.directory.get(), walk.real, name);
  }
  if (is_whiteout(status) && !for_whiteout) {
    RETURN_IF_ERROR(imply_directory(walk, name, nullptr));
  } else if (!S_ISDIR(status.st_mode)) {
    return not_a_directory(join(walk.real, name));
  }
  RETURN_IF_ERROR(enter(walk, name));
  return std::optional<std::string>();
}

/// This layer has nothing of that name: what do those below have?
Result<std::optional<std::string>> LayerTree::step_below(Walk& walk, const std::string& name,
                                                         bool for_whiteout) {
  const std::string path = join(walk.real, name);
  std::optional<LayerLowers::Found> below;
  if (!walk.hidden) {
    ASSIGN_OR_RETURN(below, lowers_.find(path));
  }
  if (below && S_ISLNK(below->status.st_mode)) {
    ASSIGN_OR_RETURN(UniqueFd above, open_no_links(below->layer, walk.real, O_PATH | O_DIRECTORY));
    return redirect(above.get(), walk.real, name);
  }
  const bool is_directory = below && S_ISDIR(below->status.st_mode);
  if ((below && !is_directory) || (!below && for_whiteout)) return not_a_directory(path);
  RETURN_IF_ERROR(imply_directory(walk, name, below ? &*below : nullptr));
  RETURN_IF_ERROR(enter(walk, name));
  return std::optional<std::string>();
}

Result<void> LayerTree::imply_directory(Walk& walk, const std::string& name,
                                        const LayerLowers::Found* below) {
  const Place place{walk.directory.get(), name};
  RETURN_IF_ERROR(make_directory(place));
  DirectoryAttributes attributes;
  attributes.path = join(walk.real, name);
  if (below == nullptr) return {};
  ASSIGN_OR_RETURN(UniqueFd original, open_no_links(below->layer, attributes.path, O_RDONLY | O_DIRECTORY));
  ASSIGN_OR_RETURN(attributes.late_xattrs, get_xattrs(original.get()));
  RETURN_IF_ERROR(set_owner(place, below->status.st_uid, below->status.st_gid));
  attributes.mode = below->status.st_mode & 07777;
  attributes.mtime_s = below->status.st_mtim.tv_sec;
  attributes.mtime_ns = static_cast<std::uint32_t>(below->status.st_mtim.tv_nsec);
  return finish_later(place, std::move(attributes));
}

}  // namespace berth::image
