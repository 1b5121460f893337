// SPDX-License-Identifier: Apache-2.0
// Directories, device nodes and links under the new root, and the working directory.

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pid1/ops.h"
#include "pid1/paths.h"
#include "pid1/sys.h"

namespace berth::pid1 {
namespace {

/// Whether `name` is the node that was asked for; a link or another device is EEXIST.
int compare_node(int parent, const char* name, const plan::Op& op) {
  struct stat status = {};
  if (::fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return errno;
  const bool same = (status.st_mode & S_IFMT) == (op.mode & S_IFMT) && status.st_rdev == op.flags;
  return same ? 0 : EEXIST;
}

int own_node(int parent, const char* name, const plan::Op& op) {
  const auto uid = static_cast<uid_t>(op.value >> 32);
  const auto gid = static_cast<gid_t>(op.value & 0xffffffffu);
  const int node = ::openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (node < 0) return errno;
  struct stat status = {};
  int err = sys::error_of(::fstat(node, &status));
  if (err == 0 && status.st_rdev != op.flags) err = EEXIST;
  if (err == 0) err = sys::error_of(::fchownat(node, "", uid, gid, AT_EMPTY_PATH));
  ::close(node);
  return err;
}

/// A directory that is outside the root would be a way out of it: the kernel then names it
/// "(unreachable)...", which glibc's getcwd hides.
int check_inside() {
  char path[PATH_MAX];
  if (::syscall(SYS_getcwd, path, sizeof path) < 0) return errno;
  return path[0] == '/' ? 0 : EXDEV;
}

bool is_tried_again(const Child& child, const plan::Op& op) {
  if (op.phase != plan::Phase::kSetup) return false;
  const uint32_t count = child.plan.header().op_count;
  for (uint32_t i = child.plan.find(plan::OpKind::kWorkingDir); i < count;
       i = child.plan.find(plan::OpKind::kWorkingDir, i + 1)) {
    if (child.plan.op(i).phase == plan::Phase::kPrivileges) return true;
  }
  return false;
}

}  // namespace

int make_dir(Child& child, const plan::Op& op) {
  int fd = -1;
  int err = open_or_create(child.root, child.plan.text(op.target), Missing::kDirectory, op.mode, 0, fd);
  if (err != 0) return err;
  struct stat status = {};
  err = sys::error_of(::fstat(fd, &status));
  ::close(fd);
  return err == 0 && !S_ISDIR(status.st_mode) ? ENOTDIR : err;
}

int make_node(Child& child, const plan::Op& op) {
  int parent = -1;
  const char* name = nullptr;
  int err = open_parent(child.root, child.plan.text(op.target), parent, name);
  if (err != 0) return err;
  if (::mknodat(parent, name, op.mode, op.flags) == 0) {
    err = own_node(parent, name, op);
  } else {
    err = errno == EEXIST ? compare_node(parent, name, op) : errno;
  }
  ::close(parent);
  return err;
}

int make_symlink(Child& child, const plan::Op& op) {
  int parent = -1;
  const char* name = nullptr;
  int err = open_parent(child.root, child.plan.text(op.target), parent, name);
  if (err != 0) return err;
  err = sys::error_of(::symlinkat(child.plan.text(op.text), parent, name));
  ::close(parent);
  return err == EEXIST ? 0 : err;
}

int working_dir(Child& child, const plan::Op& op) {
  const char* path = child.plan.text(op.text);
  // Entered as root it is kept, also one that the program's user could not enter by himself.
  if (child.in_working_dir && op.phase == plan::Phase::kPrivileges) return check_inside();
  if (op.mode == 1) {
    int fd = -1;
    const int root = root_of(child);
    if (root < 0) return errno;
    const int err = open_or_create(root, path, Missing::kDirectory, 0755, 0, fd);
    if (err != 0) return err;
    ::close(fd);
  }
  if (::chdir(path) != 0) {
    const int err = errno;
    return (err == EACCES || err == EPERM) && is_tried_again(child, op) ? 0 : err;
  }
  const int err = check_inside();
  child.in_working_dir = err == 0;
  return err;
}

}  // namespace berth::pid1
