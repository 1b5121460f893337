// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/state_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/remove_tree.hpp"

namespace berth::runtime::cli {
namespace {

constexpr mode_t kPrivate = 0700;
constexpr std::size_t kMaxId = 255;  // NAME_MAX
constexpr std::string_view kIdLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.";

Error no_container(const std::string& id) {
  return {Code::kNotFound, cat("container ", id, " does not exist")};
}

}  // namespace

Result<void> check_container_id(std::string_view id) {
  const bool valid = !id.empty() && id != "." && id != ".." && id.size() <= kMaxId &&
                     id.find_first_not_of(kIdLetters) == std::string_view::npos;
  if (valid) return {};
  return Error(Code::kInvalidArgument, cat("\"", id.substr(0, kMaxId),
                                           "\" is no container ID: letters, digits and _+-. are allowed"));
}

Result<StateDir> StateDir::create(const std::string& root, const std::string& id) {
  RETURN_IF_ERROR(check_container_id(id));
  const std::string path = cat(root, "/", id);
  if (::mkdir(path.c_str(), kPrivate) != 0) {
    if (errno == ENOENT) {
      RETURN_IF_ERROR(make_dirs(root, kPrivate));
      errno = ::mkdir(path.c_str(), kPrivate) == 0 ? 0 : errno;
    }
    if (errno == EEXIST) return Error(Code::kAlreadyExists, cat("container with ID ", id, " already exists"));
    if (errno != 0) return Error::from_errno(errno, "create", path);
  }
  ASSIGN_OR_RETURN(UniqueFd dir, open_at(kCwd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  StateDir made(path, id, std::move(dir));
  RETURN_IF_ERROR(made.lock());
  return made;
}

Result<StateDir> StateDir::open(const std::string& root, const std::string& id) {
  RETURN_IF_ERROR(check_container_id(id));
  const std::string path = cat(root, "/", id);
  auto dir = open_at(kCwd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!dir && dir.error().sys_errno() == ENOENT) return no_container(id);
  if (!dir) return std::move(dir).error();
  return StateDir(path, id, *std::move(dir));
}

Result<std::vector<std::string>> StateDir::list(const std::string& root) {
  auto names = list_dir(root);
  if (!names) {
    if (names.error().sys_errno() == ENOENT) return std::vector<std::string>();
    return std::move(names).error();
  }
  std::erase_if(*names, [](const std::string& name) { return !check_container_id(name); });
  std::sort(names->begin(), names->end());
  return names;
}

Result<void> StateDir::lock() {
  while (::flock(dir_.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return Error::from_errno(errno, "lock", path_);
  }
  struct stat ours {};
  struct stat now {};
  const bool same = ::fstat(dir_.get(), &ours) == 0 && ::stat(path_.c_str(), &now) == 0 &&
                    ours.st_ino == now.st_ino && ours.st_dev == now.st_dev;
  if (!same) return no_container(id_);
  return {};
}

void StateDir::unlock() {
  (void)::flock(dir_.get(), LOCK_UN);  // of a descriptor of ours that cannot fail
}

Result<void> StateDir::remove() {
  return remove_tree(path_);
}

}  // namespace berth::runtime::cli
