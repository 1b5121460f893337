// SPDX-License-Identifier: Apache-2.0
// The security label that the program gets from the kernel's security module at execve.

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "pid1/ops.h"
#include "pid1/sys.h"

namespace berth::pid1 {
namespace {

constexpr size_t kMaxAttribute = 4096;  // the kernel reads a page at most

/// Nothing that a container mounts can stand in for this file: the walk begins at a procfs that was
/// verified before the pivot, crosses no mount, and must end in procfs again.
int open_attribute(int proc, const char* path, int& fd) {
  constexpr uint64_t kResolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS;
  fd = sys::openat2(proc, path, O_WRONLY | O_CLOEXEC, 0, kResolve);
  if (fd < 0) return errno;
  struct statfs volume = {};
  if (::fstatfs(fd, &volume) == 0 && volume.f_type == PROC_SUPER_MAGIC) return 0;
  ::close(fd);
  return EXDEV;
}

int open_exec_attribute(int proc, uint32_t kind, int& fd) {
  if (kind == plan::kApparmorLabel) {
    const int err = open_attribute(proc, "thread-self/attr/apparmor/exec", fd);
    if (err != ENOENT) return err;  // ENOENT: before Linux 5.1 the modules share one directory
  }
  return open_attribute(proc, "thread-self/attr/exec", fd);
}

}  // namespace

int set_label(Child& child, const plan::Op& op) {
  const bool apparmor = op.mode == plan::kApparmorLabel;
  if (!apparmor && op.mode != plan::kSelinuxLabel) return EBADMSG;
  const char* name = child.plan.text(op.text);
  const size_t length = strlen(name);
  char line[kMaxAttribute] = {};
  constexpr char kChangeOnExec[] = "exec ";
  const size_t prefix = apparmor ? sizeof kChangeOnExec - 1 : 0;
  if (prefix + length > sizeof line) return ENAMETOOLONG;
  memcpy(line, kChangeOnExec, prefix);
  memcpy(line + prefix, name, length);
  int fd = -1;
  const int err = open_exec_attribute(fd_of(child, op.fd), op.mode, fd);
  if (err != 0) return err;
  // In one piece: what comes in a second write would be another label.
  const ssize_t written = ::write(fd, line, prefix + length);
  const int failure = written < 0 ? errno : (static_cast<size_t>(written) == prefix + length ? 0 : EIO);
  ::close(fd);
  return failure;
}

}  // namespace berth::pid1
