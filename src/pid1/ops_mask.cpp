// SPDX-License-Identifier: Apache-2.0
// Masked and read-only paths. A mount can be cloned only from the caller's own mount namespace, so
// a descriptor of the host's /dev/null is of no use after the pivot. Therefore one detached clone is
// taken before it; the first masked file gets that one, the others clones of what is attached by then.

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "pid1/ops.h"
#include "pid1/paths.h"
#include "pid1/sys.h"

namespace berth::pid1 {
namespace {

constexpr unsigned kCloneHere = AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;

bool is_null_device(int fd) {
  struct stat status = {};
  return ::fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
}

int attach(int tree, int target) {
  return sys::error_of(::move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}

/// Attaches `tree` itself the first time, later a clone of it.
int attach_shared(int tree, bool& attached, int target) {
  if (!attached) {
    const int err = attach(tree, target);
    attached = err == 0;
    return err;
  }
  const int clone = ::open_tree(tree, "", kCloneHere);
  if (clone < 0) return errno;
  const int err = attach(clone, target);
  ::close(clone);
  return err;
}

/// An empty tmpfs that stays so: no block, no inode beyond its root, read-only.
int make_empty_tree() {
  const int context = ::fsopen("tmpfs", FSOPEN_CLOEXEC);
  if (context < 0) return -1;
  int tree = -1;
  if (::fsconfig(context, FSCONFIG_SET_STRING, "source", "masked", 0) == 0 &&
      ::fsconfig(context, FSCONFIG_SET_STRING, "nr_blocks", "1", 0) == 0 &&
      ::fsconfig(context, FSCONFIG_SET_STRING, "nr_inodes", "1", 0) == 0 &&
      ::fsconfig(context, FSCONFIG_SET_STRING, "mode", "0555", 0) == 0 &&
      ::fsconfig(context, FSCONFIG_SET_FLAG, "ro", nullptr, 0) == 0 &&
      ::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0) {
    tree = ::fsmount(context, FSMOUNT_CLOEXEC,
                     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  }
  const int err = errno;
  ::close(context);
  errno = err;
  return tree;
}

int mask_directory(Child& child, int target) {
  if (child.empty_tree < 0) child.empty_tree = make_empty_tree();
  if (child.empty_tree < 0) return errno;
  return attach_shared(child.empty_tree, child.empty_attached, target);
}

int mask_file(Child& child, int given, int target) {
  if (given >= 0 && !is_null_device(given)) return EINVAL;
  if (child.null_tree < 0) return ENODEV;
  return attach_shared(child.null_tree, child.null_attached, target);
}

}  // namespace

void keep_null_tree(Child& child) {
  const int tree = ::open_tree(AT_FDCWD, "/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree >= 0 && is_null_device(tree)) {
    child.null_tree = tree;
  } else if (tree >= 0) {
    ::close(tree);
  }
}

int mask_path(Child& child, const plan::Op& op) {
  const int target = open_in_root(child.root, child.plan.text(op.target), O_PATH);
  if (target < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
  struct stat status = {};
  int err = sys::error_of(::fstat(target, &status));
  if (err == 0) {
    err = S_ISDIR(status.st_mode) ? mask_directory(child, target)
                                  : mask_file(child, fd_of(child, op.fd), target);
  }
  ::close(target);
  return err;
}

int readonly_path(Child& child, const plan::Op& op) {
  const int target = open_in_root(child.root, child.plan.text(op.target), O_PATH);
  if (target < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
  // The clone keeps nosuid, nodev and noexec of the mount it is taken from; only read-only is added.
  const int tree = ::open_tree(target, "", kCloneHere | AT_RECURSIVE);
  int err = tree < 0 ? errno : 0;
  if (err == 0) {
    struct ::mount_attr attributes = {};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    err = sys::error_of(
        ::mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes));
    if (err == 0) err = attach(tree, target);
    ::close(tree);
  }
  ::close(target);
  return err;
}

}  // namespace berth::pid1
