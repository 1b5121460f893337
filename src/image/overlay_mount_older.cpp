// SPDX-License-Identifier: Apache-2.0
#include "image/overlay_mount_older.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <optional>
#include <thread>

#include "base/dir.hpp"

namespace berth::image {
namespace {

Result<void> enter_own_mounts(const std::string& place) {
  if (::unshare(CLONE_FS | CLONE_NEWNS) != 0) return Error::from_errno(errno, "create", "a mount namespace");
  // Else what is attached here would appear on the host, too.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return Error::from_errno(errno, "make private", "the mounts of a thread");
  if (::mount("berth-attach", place.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=700") != 0)
    return Error::from_errno(errno, "mount tmpfs on", place);
  return {};
}

}  // namespace

Result<void> in_own_mounts(const std::string& place, const std::function<Result<void>()>& work) {
  std::optional<Result<void>> outcome;
  {
    const std::jthread thread([&] {
      outcome = enter_own_mounts(place);
      if (*outcome) outcome = work();
    });
  }
  return *std::move(outcome);
}

Result<UniqueFd> attach_on(const UniqueFd& tree, const std::string& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0) return Error::from_errno(errno, "create directory", directory);
  if (::move_mount(tree.get(), "", AT_FDCWD, directory.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0)
    return Error::from_errno(errno, "attach a mount on", directory);
  return open_at(kCwd, directory, O_PATH | O_DIRECTORY);
}

}  // namespace berth::image
