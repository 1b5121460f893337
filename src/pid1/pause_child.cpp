// SPDX-License-Identifier: Apache-2.0
#include "pid1/pause_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pid1/pause_loop.h"
#include "pid1/plan_format.h"
#include "pid1/sync.h"
#include "pid1/sys.h"

namespace berth::pid1 {
namespace {

constexpr uint32_t kNobody = 65535;
constexpr uint32_t kMaxCgroups = 32;

int join_cgroups(const PauseChild& child) {
  for (uint32_t i = 0; i < child.cgroup_count; ++i) {
    if (::write(child.cgroups[i], "0", 1) != 1) return errno;
  }
  return 0;
}

int join_namespaces(const PauseChild& child) {
  if (child.net >= 0 && ::setns(child.net, CLONE_NEWNET) != 0) return errno;
  if (child.ipc >= 0 && ::setns(child.ipc, CLONE_NEWIPC) != 0) return errno;
  if (child.uts >= 0 && ::setns(child.uts, CLONE_NEWUTS) != 0) return errno;
  return 0;
}

/// A tmpfs with nothing in it, read-only; -1 with errno.
int make_empty_root() {
  const int context = ::fsopen("tmpfs", FSOPEN_CLOEXEC);
  if (context < 0) return -1;
  if (::fsconfig(context, FSCONFIG_SET_STRING, "source", "berth-pause", 0) != 0 ||
      ::fsconfig(context, FSCONFIG_SET_STRING, "nr_inodes", "1", 0) != 0 ||
      ::fsconfig(context, FSCONFIG_SET_STRING, "mode", "0555", 0) != 0 ||
      ::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return -1;
  }
  return ::fsmount(context, FSMOUNT_CLOEXEC,
                   MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

/// Into the empty root, with every mount of the host gone from this namespace.
int leave_host_root() {
  struct ::mount_attr propagation = {};
  propagation.propagation = MS_SLAVE;
  if (::mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &propagation, sizeof propagation) != 0) return errno;
  const int root = make_empty_root();
  if (root < 0) return errno;
  // On top of "/" itself: the one directory that is there on every host.
  if (::move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) != 0) return errno;
  if (::fchdir(root) != 0 || sys::pivot_root(".", ".") != 0) return errno;
  return ::umount2(".", MNT_DETACH) == 0 && ::chdir("/") == 0 ? 0 : errno;
}

int drop_rights() {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return errno;
  }
  // A small user namespace need not have that one.
  if (sys::set_groups(0, nullptr) != 0 || (sys::set_gids(kNobody) != 0 && sys::set_gids(0) != 0) ||
      (sys::set_uids(kNobody) != 0 && sys::set_uids(0) != 0))
    return errno;
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[2] = {};
  if (::syscall(SYS_capset, &header, none) != 0) return errno;
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return errno;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  // Not having rights is no protection from a container's root; not being dumpable is.
  return ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : errno;
}

/// Waiting and exiting, and what giving up the last descriptors and memory takes.
int confine() {
  static constexpr unsigned kAllowed[] = {SYS_rt_sigtimedwait, SYS_wait4, SYS_munmap, SYS_close_range,
                                          SYS_exit_group};
  constexpr unsigned kCount = sizeof kAllowed / sizeof kAllowed[0];
  sock_filter filter[2 + kCount + 2] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
  };
  unsigned at = 1;
  for (unsigned i = 0; i < kCount; ++i, ++at) {
    filter[at] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kAllowed[i], static_cast<uint8_t>(kCount - i), 0);
  }
  filter[at++] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
  filter[at++] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const sock_fprog program = {static_cast<unsigned short>(at), filter};
  return sys::error_of(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

int become_pause(const PauseChild& child) {
  int keep[kMaxCgroups + 4] = {child.sync, child.net, child.ipc, child.uts};
  if (child.cgroup_count > kMaxCgroups) return E2BIG;
  memcpy(keep + 4, child.cgroups, child.cgroup_count * sizeof(int));
  close_all_but(keep, child.cgroup_count + 4);
  ::prctl(PR_SET_NAME, "berth-pause", 0, 0, 0);
  ::setsid();
  int err = join_cgroups(child);
  if (err == 0) err = join_namespaces(child);
  if (err == 0) err = leave_host_root();
  if (err == 0) err = drop_rights();
  return err;
}

}  // namespace

void run_pause_child(const PauseChild& child) {
  int err = become_pause(child);
  if (err == 0) send_sync(child.sync, {SyncMessage::kReady, {}});
  if (err == 0) err = confine();
  if (err != 0) {
    send_sync(child.sync, {SyncMessage::kFailed, {plan::kFailedBeforeOps, err}});
    ::_exit(1);
  }
  // The shim takes it as standing when its end of the socket closes after that message.
  ::close_range(0, ~0U, 0);
  pause_loop();
}

}  // namespace berth::pid1
