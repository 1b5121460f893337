// SPDX-License-Identifier: Apache-2.0
// Child side of a program's standard streams: pipes, /dev/null, or a terminal of the container's own.

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "pid1/ops.h"
#include "pid1/paths.h"
#include "pid1/sync.h"
#include "pid1/sys.h"

namespace berth::pid1 {
namespace {

constexpr long kDevptsMagic = 0x1cd1;

bool is_device(int fd, unsigned major_number, unsigned minor_number) {
  struct stat status = {};
  return ::fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) &&
         status.st_rdev == makedev(major_number, minor_number);
}

/// An image's /dev/null can be anything; only the real one is used, else the host's.
int open_null(Child& child) {
  const int fd = open_in_root(root_of(child), "/dev/null", O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (fd >= 0 && is_device(fd, 1, 3)) return fd;
  if (fd >= 0) ::close(fd);
  return child.host_null;
}

int new_session() {
  // EPERM: a group leader already, which a cloned child is not; an exec'ed one may be.
  return ::setsid() >= 0 || errno == EPERM ? 0 : errno;
}

/// The multiplexer of the devpts that is mounted in the root, never the host's.
int open_multiplexer(int root, int& master) {
  master = open_in_root(root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
  if (master < 0) return errno;
  struct statfs filesystem = {};
  if (::fstatfs(master, &filesystem) != 0) return errno;
  return is_device(master, 5, 2) && filesystem.f_type == kDevptsMagic ? 0 : ENOTTY;
}

int open_slave(int master, const plan::Op& op, int& slave) {
  int locked = 0;
  if (::ioctl(master, TIOCSPTLCK, &locked) != 0) return errno;
  // By the master, so that no path in the container is believed.
  slave = ::ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave < 0) return errno;
  if (op.flags != 0) {
    winsize size = {};
    size.ws_row = static_cast<unsigned short>(op.flags >> 16);
    size.ws_col = static_cast<unsigned short>(op.flags & 0xffff);
    if (::ioctl(slave, TIOCSWINSZ, &size) != 0) return errno;
  }
  if (::fchown(slave, static_cast<uid_t>(op.value), static_cast<gid_t>(-1)) == 0) return 0;
  return errno == EPERM || errno == EINVAL || errno == EROFS ? 0 : errno;
}

/// /dev/console shows the same terminal. A root without a place for it does without.
int bind_console(int root, int slave) {
  int target = -1;
  if (open_or_create(root, "/dev/console", Missing::kFile, 0600, 0, target) != 0) return 0;
  const int tree = ::open_tree(slave, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  int err = tree < 0 ? errno : 0;
  if (err == 0) {
    err =
        sys::error_of(::move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
    ::close(tree);
  }
  ::close(target);
  return err;
}

int become_terminal(int slave) {
  int err = new_session();
  if (err == 0) err = sys::error_of(::ioctl(slave, TIOCSCTTY, 0));
  for (int i = 0; i < 3 && err == 0; ++i) err = sys::error_of(::dup2(slave, i));
  return err;
}

}  // namespace

int own_pipe(int fd, uid_t uid) {
  struct stat status = {};
  if (::fstat(fd, &status) != 0) return errno;
  if (!S_ISFIFO(status.st_mode) || status.st_uid == uid) return 0;
  if (::fchown(fd, uid, static_cast<gid_t>(-1)) == 0) return 0;
  // Some pipes are not ours to give away.
  return errno == EPERM || errno == EINVAL || errno == EROFS ? 0 : errno;
}

int connect_stdio(Child& child, const plan::Op& op) {
  int null_fd = -1;
  for (int i = 0; i < 3; ++i) {
    int fd = child.stdio[i];
    if (fd >= 0) {
      const int err = op.mode == 1 ? 0 : own_pipe(fd, static_cast<uid_t>(op.value));
      if (err != 0) return err;
    } else {
      if (null_fd < 0) null_fd = open_null(child);
      fd = null_fd;
    }
    if (::dup2(fd, i) < 0) return errno;
  }
  return new_session();
}

int open_terminal(Child& child, const plan::Op& op) {
  const int root = root_of(child);
  if (root < 0) return errno;
  int master = -1;
  int slave = -1;
  int err = open_multiplexer(root, master);
  if (err == 0) err = open_slave(master, op, slave);
  // In an exec the console is already there, and it is the container's, not the exec's.
  if (err == 0 && !child.is_exec) err = bind_console(root, slave);
  if (err == 0) err = become_terminal(slave);
  if (err == 0) send_sync(child.sync, {SyncMessage::kTerminal, {}}, master);
  return err;
}

}  // namespace berth::pid1
