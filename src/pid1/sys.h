// SPDX-License-Identifier: Apache-2.0
#pragma once

// Thin wrappers for system calls that glibc 2.36 has no function for, or whose function does more
// than the call (setresuid and its kin broadcast to threads that a cloned child does not have).
// They set errno and return -1 like everything else.

#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

namespace berth::pid1::sys {

inline int openat2(int dir, const char* path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  const open_how how{flags, mode, resolve};
  return static_cast<int>(::syscall(SYS_openat2, dir, path, &how, sizeof how));
}

/// Without CLONE_VM: the child goes on here with a copy of everything, and 0.
inline pid_t clone3(clone_args& args) {
  return static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
}

inline int pivot_root(const char* new_root, const char* put_old) {
  return static_cast<int>(::syscall(SYS_pivot_root, new_root, put_old));
}

inline int pidfd_open(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

inline int pidfd_send_signal(int pidfd, int signal_number) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal_number, nullptr, 0));
}

/// waitid with the kernel's fifth argument, which glibc hides.
inline int waitid(int type, int id, siginfo_t* info, int options, rusage* usage) {
  return static_cast<int>(::syscall(SYS_waitid, type, id, info, options, usage));
}

inline int set_groups(unsigned count, const uint32_t* groups) {
  return static_cast<int>(::syscall(SYS_setgroups, count, groups));
}
inline int set_gids(uint32_t gid) {
  return static_cast<int>(::syscall(SYS_setresgid, gid, gid, gid));
}
inline int set_uids(uint32_t uid) {
  return static_cast<int>(::syscall(SYS_setresuid, uid, uid, uid));
}

/// All 64, also those that a C library keeps for itself.
inline sigset_t every_signal() {
  sigset_t all;
  memset(&all, 0xff, sizeof all);
  return all;
}
void default_every_signal();

inline int prlimit(int resource, const rlimit* limit, rlimit* before) {
  return static_cast<int>(::syscall(SYS_prlimit64, 0, resource, limit, before));
}

/// 0, or errno of the call that just returned `rc`.
int error_of(long rc);

}  // namespace berth::pid1::sys
