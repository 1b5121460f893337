// SPDX-License-Identifier: Apache-2.0
#pragma once

// Included before everything else in berth-pid1 (meson.build): what musl's headers lack of the
// glibc that the rest of the project is compiled with.

#include <linux/mount.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

// libstdc++'s own headers ask, and must not find glibc.
#define __GLIBC_PREREQ(major, minor) 0

inline int close_range(unsigned first, unsigned last, int flags) {
  return static_cast<int>(::syscall(SYS_close_range, first, last, flags));
}
inline int fsopen(const char* type, unsigned flags) {
  return static_cast<int>(::syscall(SYS_fsopen, type, flags));
}
inline int fsconfig(int context, unsigned command, const char* key, const void* value, int aux) {
  return static_cast<int>(::syscall(SYS_fsconfig, context, command, key, value, aux));
}
inline int fsmount(int context, unsigned flags, unsigned attributes) {
  return static_cast<int>(::syscall(SYS_fsmount, context, flags, attributes));
}
inline int move_mount(int from, const char* source, int to, const char* target, unsigned flags) {
  return static_cast<int>(::syscall(SYS_move_mount, from, source, to, target, flags));
}
inline int open_tree(int dir, const char* path, unsigned flags) {
  return static_cast<int>(::syscall(SYS_open_tree, dir, path, flags));
}
inline int mount_setattr(int dir, const char* path, unsigned flags, mount_attr* attributes, size_t size) {
  return static_cast<int>(::syscall(SYS_mount_setattr, dir, path, flags, attributes, size));
}
