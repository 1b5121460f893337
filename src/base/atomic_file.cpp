// SPDX-License-Identifier: Apache-2.0
#include "base/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "base/cat.hpp"
#include "base/digest.hpp"
#include "base/dir.hpp"

namespace berth {
namespace {

Result<void> sync(int fd, const std::string& path) {
  if (::fsync(fd) != 0) return Error::from_errno(errno, "sync", path);
  return {};
}

Result<void> fill(const std::string& temporary, std::string_view data, Durability durability, mode_t mode) {
  ASSIGN_OR_RETURN(UniqueFd fd, open_at(kCwd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
  // The umask took its part of the mode at open.
  if (::fchmod(fd.get(), mode) != 0) return Error::from_errno(errno, "chmod", temporary);
  RETURN_IF_ERROR(write_fd(fd.get(), data, temporary));
  if (durability == Durability::kDurable) RETURN_IF_ERROR(sync(fd.get(), temporary));
  return {};
}

Result<void> sync_parent(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  ASSIGN_OR_RETURN(UniqueFd dir, open_at(kCwd, parent, O_RDONLY | O_DIRECTORY));
  return sync(dir.get(), parent);
}

Result<void> replace(const std::string& temporary, const std::string& path) {
  if (::rename(temporary.c_str(), path.c_str()) != 0) return Error::from_errno(errno, "rename to", path);
  return {};
}

}  // namespace

Result<void> write_file(const std::string& path, std::string_view data, Durability durability, mode_t mode) {
  const std::string temporary = cat(path, ".", random_id().substr(0, 16), ".tmp");
  Result<void> done = fill(temporary, data, durability, mode);
  if (done) done = replace(temporary, path);
  if (!done) {
    ::unlink(temporary.c_str());
    return std::move(done).context("write " + path);
  }
  if (durability == Durability::kDurable) return sync_parent(path).context("write " + path);
  return {};
}

}  // namespace berth
