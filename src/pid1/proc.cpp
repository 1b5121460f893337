// SPDX-License-Identifier: Apache-2.0
#include "pid1/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "pid1/sys.h"

namespace berth::pid1 {
namespace {

constexpr long kProcMagic = 0x9fa0;
constexpr ino_t kProcRoot = 1;

/// Mounted nowhere: what a container or the host mounts over files of /proc is not in it.
int make_private_proc() {
  const int context = ::fsopen("proc", FSOPEN_CLOEXEC);
  if (context < 0) return -1;
  int tree = -1;
  if (::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0) {
    tree = ::fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  }
  ::close(context);
  return tree;
}

int open_host_proc() {
  const int fd = ::open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -1;
  struct statfs filesystem = {};
  struct stat status = {};
  if (::fstatfs(fd, &filesystem) == 0 && filesystem.f_type == kProcMagic && ::fstat(fd, &status) == 0 &&
      status.st_ino == kProcRoot) {
    return fd;
  }
  ::close(fd);
  errno = ENOTDIR;
  return -1;
}

int root_of_proc(Child& child) {
  // A user namespace that does not own the PID namespace may not mount a procfs of it.
  if (child.proc < 0) child.proc = make_private_proc();
  if (child.proc < 0) child.proc = open_host_proc();
  return child.proc;
}

}  // namespace

int open_in_proc(Child& child, const char* path, int flags) {
  const int proc = root_of_proc(child);
  if (proc < 0) return -1;
  return sys::openat2(proc, path, static_cast<uint64_t>(flags) | O_CLOEXEC, 0,
                      RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
}

int open_namespace(Child& child, const char* path) {
  const int proc = root_of_proc(child);
  if (proc < 0) return -1;
  return ::openat(proc, path, O_RDONLY | O_CLOEXEC);
}

}  // namespace berth::pid1
