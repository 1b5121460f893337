// SPDX-License-Identifier: Apache-2.0
#include "runtime/namespaces_mount.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>

#include "base/dir.hpp"
#include "runtime/mount_tree.hpp"

namespace berth::runtime {

Result<PrivateMounts> PrivateMounts::enter(const std::string& source, const std::string& place) {
  PrivateMounts mounts;
  ASSIGN_OR_RETURN(const UniqueFd tree, clone_tree(source, true));
  ASSIGN_OR_RETURN(mounts.here_, open_at(kCwd, ".", O_PATH | O_DIRECTORY));
  ASSIGN_OR_RETURN(UniqueFd own, open_at(kCwd, "/proc/self/ns/mnt", O_RDONLY));
  if (::unshare(CLONE_NEWNS) != 0) return Error::from_errno(errno, "create", "a mount namespace");
  mounts.own_ = std::move(own);
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::move_mount(tree.get(), "", AT_FDCWD, place.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return Error::from_errno(errno, "attach in a mount namespace", source);
  }
  return mounts;
}

PrivateMounts::~PrivateMounts() {
  if (!own_) return;
  // Neither fails for whoever has just left it; going on elsewhere would be worse than ending.
  if (::setns(own_.get(), CLONE_NEWNS) != 0 || ::fchdir(here_.get()) != 0) ::_exit(1);
}

}  // namespace berth::runtime
