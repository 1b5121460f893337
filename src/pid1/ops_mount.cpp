// SPDX-License-Identifier: Apache-2.0
// Mounts by the file descriptor interface only: a mount is made detached, gets its attributes, and
// appears in the tree complete.

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pid1/ops.h"
#include "pid1/paths.h"
#include "pid1/sys.h"
#include "pid1/text.h"

namespace berth::pid1 {
namespace {

constexpr uint64_t kPropagationFlags = MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE;

int attach(int tree, int target) {
  return sys::error_of(::move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}

/// "key=value" or "key" of a filesystem's own options.
int set_option(int context, const char* option) {
  const char* equals = strchr(option, '=');
  if (equals == nullptr) return sys::error_of(::fsconfig(context, FSCONFIG_SET_FLAG, option, nullptr, 0));
  char key[64];
  const size_t length = static_cast<size_t>(equals - option);
  if (length >= sizeof key) return EINVAL;
  memcpy(key, option, length);
  key[length] = '\0';
  return sys::error_of(::fsconfig(context, FSCONFIG_SET_STRING, key, equals + 1, 0));
}

/// A tmpfs takes over the mode of what it covers, as the image's author expects of /tmp or /run.
int inherit_mode(int context, int target) {
  struct stat status = {};
  if (::fstat(target, &status) != 0) return errno;
  Text<16> mode;
  mode.number(status.st_mode & 07777, 8);
  return sys::error_of(::fsconfig(context, FSCONFIG_SET_STRING, "mode", mode.c_str(), 0));
}

/// For somebody who is not in the namespace that the procfs shall show. Before Linux 6.17 only a member
/// can make it: EINVAL.
int choose_pid_namespace(const Child& child, int context, const char* type) {
  if (child.pid_namespace < 0 || strcmp(type, "proc") != 0) return 0;
  return sys::error_of(::fsconfig(context, FSCONFIG_SET_FD, "pidns", nullptr, child.pid_namespace));
}

/// `covered` is what was there before, or -1.
int configure(int context, const char* type, const char* options, int covered) {
  bool has_mode = false;
  bool has_source = false;
  for (const char* at = options; at != nullptr && *at != '\0'; at += strlen(at) + 1) {
    has_mode = has_mode || strncmp(at, "mode=", 5) == 0;
    has_source = has_source || strncmp(at, "source=", 7) == 0;
    const int err = set_option(context, at);
    if (err != 0) return err;
  }
  if (!has_source) {
    const int err = sys::error_of(::fsconfig(context, FSCONFIG_SET_STRING, "source", type, 0));
    if (err != 0) return err;
  }
  if (!has_mode && covered >= 0 && strcmp(type, "tmpfs") == 0) {
    const int err = inherit_mode(context, covered);
    if (err != 0) return err;
  }
  return sys::error_of(::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0));
}

/// Nothing of the image is seen half copied: the new tree covers it only when it is complete.
int fill_and_attach(int tree, int target, uint64_t attributes, uint64_t more) {
  if ((more & plan::kCopyUp) == 0) return attach(tree, target);
  int err = copy_up(target, tree);
  struct ::mount_attr readonly = {};
  readonly.attr_set = attributes & MOUNT_ATTR_RDONLY;
  if (err == 0 && readonly.attr_set != 0)
    err = sys::error_of(::mount_setattr(tree, "", AT_EMPTY_PATH, &readonly, sizeof readonly));
  return err == 0 ? attach(tree, target) : err;
}

/// A link of the image may lead anywhere in the root, except over the root itself, and into the procfs in
/// which paths are masked: what may lie there was asked for by that name.
int check_place(const Child& child, const char* name, int target) {
  struct stat place = {};
  struct stat root = {};
  struct statfs filesystem = {};
  if (::fstat(target, &place) != 0 || ::fstat(child.root, &root) != 0 || ::fstatfs(target, &filesystem) != 0)
    return errno;
  if (place.st_dev == root.st_dev && place.st_ino == root.st_ino) return EBUSY;
  if (filesystem.f_type != PROC_SUPER_MAGIC || strncmp(name, "/proc/", 6) == 0) return 0;
  const int proc = open_in_root(child.root, "/proc", O_PATH, RESOLVE_NO_SYMLINKS);
  const bool is_own = proc >= 0 && ::fstat(proc, &root) == 0 && place.st_dev == root.st_dev;
  if (proc >= 0) ::close(proc);
  return is_own ? ELOOP : 0;
}

/// `covered` is what was there before, or -1.
int mount_on(Child& child, const plan::Op& op, int target, int covered) {
  const char* type = child.plan.text(op.text);
  const int context = ::fsopen(type, FSOPEN_CLOEXEC);
  if (context < 0) return errno;
  int err = choose_pid_namespace(child, context, type);
  if (err == 0) err = configure(context, type, child.plan.text(op.extra), covered);
  if (err == 0) {
    const uint64_t late = (op.value & plan::kCopyUp) != 0 ? MOUNT_ATTR_RDONLY : 0;
    const int tree = ::fsmount(context, FSMOUNT_CLOEXEC, static_cast<unsigned>(op.flags & ~late));
    err = tree < 0 ? errno : fill_and_attach(tree, target, op.flags, op.value);
    if (tree >= 0) ::close(tree);
  }
  ::close(context);
  return err;
}

/// By a process of the namespace, which is there for this one mount: for some microseconds its members
/// see the host's root through it. From Linux 6.17 on there is none.
int mount_as_member(Child& child, const plan::Op& op, int target) {
  clone_args args = {};
  args.flags = CLONE_VFORK;
  const pid_t member = sys::clone3(args);
  if (member < 0) return errno;
  child.pid_namespace = member == 0 ? -1 : child.pid_namespace;
  if (member == 0) ::_exit(mount_on(child, op, target, -1));
  siginfo_t info = {};
  if (sys::waitid(P_PID, member, &info, WEXITED | __WALL, nullptr) != 0) return errno;
  return info.si_code == CLD_EXITED ? info.si_status : ECHILD;
}

}  // namespace

int root_propagation(Child&, const plan::Op& op) {
  struct ::mount_attr attributes = {};
  attributes.propagation = op.flags & kPropagationFlags;
  const unsigned recursive = (op.flags & MS_REC) != 0 ? AT_RECURSIVE : 0;
  return sys::error_of(::mount_setattr(AT_FDCWD, "/", recursive, &attributes, sizeof attributes));
}

int attach_root(Child& child, const plan::Op& op) {
  const int tree = fd_of(child, op.fd);
  const int err =
      sys::error_of(::move_mount(tree, "", AT_FDCWD, child.plan.text(op.target), MOVE_MOUNT_F_EMPTY_PATH));
  if (err == 0) child.root = tree;
  return err;
}

int mount_new(Child& child, const plan::Op& op) {
  const char* type = child.plan.text(op.text);
  const char* target = child.plan.text(op.target);
  // An image must not redirect these by a link: what is masked and trusted later is looked up here.
  const bool is_kernel_view = strcmp(type, "proc") == 0 || strcmp(type, "sysfs") == 0;
  const uint64_t resolve = is_kernel_view ? RESOLVE_NO_SYMLINKS : 0;
  int fd = open_in_root(child.root, target, O_PATH | O_DIRECTORY, resolve);
  const bool was_there = fd >= 0;
  int err = was_there ? 0 : open_or_create(child.root, target, Missing::kDirectory, op.mode, resolve, fd);
  if (err != 0) return err;
  err = check_place(child, target, fd);
  if (err == 0) err = mount_on(child, op, fd, was_there ? fd : -1);
  if (err == EINVAL && child.pid_namespace >= 0 && strcmp(type, "proc") == 0)
    err = mount_as_member(child, op, fd);
  ::close(fd);
  return err;
}

int attach_tree(Child& child, const plan::Op& op) {
  const Missing what = op.mode == 1 ? Missing::kFile : Missing::kDirectory;
  int target = -1;
  const uint64_t resolve = op.flags == 1 ? RESOLVE_NO_SYMLINKS : 0;
  int err = open_or_create(child.root, child.plan.text(op.target), what, 0, resolve, target);
  if (err != 0) return err;
  err = check_place(child, child.plan.text(op.target), target);
  if (err == 0) err = attach(fd_of(child, op.fd), target);
  ::close(target);
  return err;
}

int mount_attr(Child& child, const plan::Op& op) {
  const int target = open_in_root(child.root, child.plan.text(op.target), O_PATH);
  if (target < 0) return errno;
  struct ::mount_attr attributes = {};
  attributes.attr_set = op.flags;
  attributes.attr_clr = op.value;
  const char* propagation = child.plan.text(op.text);
  if (propagation != nullptr) {
    uint64_t value = 0;
    parse_number(propagation, propagation + strlen(propagation), value);
    attributes.propagation = value & kPropagationFlags;
  }
  const unsigned recursive = op.mode == 1 ? AT_RECURSIVE : 0;
  const int err =
      sys::error_of(::mount_setattr(target, "", AT_EMPTY_PATH | recursive, &attributes, sizeof attributes));
  ::close(target);
  return err;
}

/// What of the host would let more be mounted than the container may have is taken away or covered; a
/// process that left the new root would find the rest.
int move_root(Child& child, const char* hidden) {
  for (const char* at = hidden; at != nullptr && *at != '\0'; at += strlen(at) + 1) {
    if (::umount2(at, MNT_DETACH | UMOUNT_NOFOLLOW) == 0 || errno == ENOENT) continue;
    if (errno != EINVAL && errno != EPERM) return errno;
    if (::mount("tmpfs", at, "tmpfs", 0, nullptr) != 0) return errno;
  }
  if (::fchdir(child.root) != 0 || ::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0) return errno;
  return ::chroot(".") == 0 && ::chdir("/") == 0 ? 0 : errno;
}

int pivot(Child& child, const plan::Op& op) {
  keep_null_tree(child);
  if (op.mode == 1) return move_root(child, child.plan.text(op.extra));
  const int old_root = ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (old_root < 0 || ::fchdir(child.root) != 0) return errno;
  // pivot_root(".", ".") stacks the old root on the new one, so no directory of the image is used.
  if (sys::pivot_root(".", ".") != 0) return errno;
  // Slave, not private: unmounting must not reach the host, and must not stop what the host unmounts.
  struct ::mount_attr slave = {};
  slave.propagation = MS_SLAVE;
  if (::mount_setattr(old_root, "", AT_EMPTY_PATH | AT_RECURSIVE, &slave, sizeof slave) != 0) return errno;
  if (::umount2(".", MNT_DETACH) != 0) return errno;
  ::close(old_root);
  return sys::error_of(::chdir("/"));
}

}  // namespace berth::pid1
