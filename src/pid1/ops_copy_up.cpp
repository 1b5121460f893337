// SPDX-License-Identifier: Apache-2.0
// The content of an image's directory for the tmpfs that will cover it. Only names in directories that
// are open already, no links followed: the image may be anything, and others may be changing it.

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pid1/ops.h"
#include "pid1/sys.h"

namespace berth::pid1 {
namespace {

constexpr unsigned kMaxDepth = 64;     // each level has a buffer on the stack
constexpr size_t kEntriesSize = 4096;  // of directory entries at a time

struct Entry {
  uint64_t inode;
  int64_t next;
  unsigned short size;
  unsigned char type;
  char name[1];
};

int copy_directory(int from, int to, unsigned depth);

int take_over(int target, const struct stat& status) {
  if (::fchown(target, status.st_uid, status.st_gid) != 0) return errno;
  return sys::error_of(::fchmod(target, status.st_mode & 07777));
}

int copy_bytes(int from, int to) {
  char buffer[kEntriesSize];
  for (;;) {
    const ssize_t size = ::read(from, buffer, sizeof buffer);
    if (size == 0) return 0;
    if (size < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    for (ssize_t done = 0; done < size;) {
      const ssize_t step = ::write(to, buffer + done, static_cast<size_t>(size - done));
      if (step < 0) return errno;
      done += step;
    }
  }
}

int copy_file(int from_dir, int to_dir, const char* name) {
  const int from = ::openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (from < 0) return errno;
  struct stat status = {};
  int err = sys::error_of(::fstat(from, &status));
  if (err == 0 && !S_ISREG(status.st_mode)) err = EAGAIN;  // somebody has exchanged it just now
  const int to =
      err == 0 ? ::openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600) : -1;
  if (err == 0 && to < 0) err = errno;
  if (err == 0) err = copy_bytes(from, to);
  if (err == 0) err = take_over(to, status);
  if (to >= 0) ::close(to);
  ::close(from);
  return err;
}

int copy_link(int from_dir, int to_dir, const char* name, const struct stat& status) {
  char target[PATH_MAX];
  const ssize_t length = ::readlinkat(from_dir, name, target, sizeof target - 1);
  if (length < 0) return errno;
  target[length] = '\0';
  if (::symlinkat(target, to_dir, name) != 0) return errno;
  return sys::error_of(::fchownat(to_dir, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW));
}

int copy_subdirectory(int from_dir, int to_dir, const char* name, unsigned depth) {
  if (::mkdirat(to_dir, name, 0700) != 0) return errno;
  const int from = ::openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (from < 0) return errno;
  const int to = ::openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  struct stat status = {};
  int err = to < 0 ? errno : sys::error_of(::fstat(from, &status));
  if (err == 0) err = copy_directory(from, to, depth + 1);
  if (err == 0) err = take_over(to, status);
  if (to >= 0) ::close(to);
  ::close(from);
  return err;
}

int copy_node(int to_dir, const char* name, const struct stat& status) {
  // A socket is nothing without its process.
  if (S_ISSOCK(status.st_mode)) return 0;
  if (::mknodat(to_dir, name, status.st_mode & (S_IFMT | 07777), status.st_rdev) != 0) {
    return errno == EPERM ? 0 : errno;  // devices, in a user namespace
  }
  return sys::error_of(::fchownat(to_dir, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW));
}

int copy_entry(int from, int to, const char* name, unsigned depth) {
  if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return 0;
  struct stat status = {};
  if (::fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT ? 0 : errno;
  if (S_ISDIR(status.st_mode)) return copy_subdirectory(from, to, name, depth);
  if (S_ISREG(status.st_mode)) return copy_file(from, to, name);
  if (S_ISLNK(status.st_mode)) return copy_link(from, to, name, status);
  return copy_node(to, name, status);
}

int copy_directory(int from, int to, unsigned depth) {
  if (depth > kMaxDepth) return ELOOP;
  alignas(Entry) char entries[kEntriesSize];
  for (;;) {
    const long size = ::syscall(SYS_getdents64, from, entries, sizeof entries);
    if (size <= 0) return sys::error_of(size);
    for (long at = 0; at < size;) {
      const Entry* entry = static_cast<const Entry*>(static_cast<const void*>(entries + at));
      const int err = copy_entry(from, to, entries + at + offsetof(Entry, name), depth);
      if (err != 0) return err;
      at += entry->size;
    }
  }
}

}  // namespace

int copy_up(int from, int to) {
  const int source = ::openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (source < 0) return errno;
  const int err = copy_directory(source, to, 0);
  ::close(source);
  return err;
}

}  // namespace berth::pid1
