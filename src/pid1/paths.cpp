// SPDX-License-Identifier: Apache-2.0
#include "pid1/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "pid1/sys.h"

namespace berth::pid1 {
namespace {

constexpr int kMaxRetries = 64;  // of EAGAIN: a rename or mount elsewhere raced with the walk
constexpr int kMaxLinks = 40;    // the kernel's own limit
constexpr mode_t kFileMode = 0644;

struct Walk {
  int root;
  uint64_t resolve;
  Missing what;
  mode_t mode;
  int links;
  char path[PATH_MAX];
};

/// Puts what the dangling link `name` in `parent` points to in the place of the path's part up to `end`.
int follow_dangling(Walk& walk, int parent, size_t name, size_t end) {
  if ((walk.resolve & RESOLVE_NO_SYMLINKS) != 0 || ++walk.links > kMaxLinks) return ELOOP;
  char link[PATH_MAX];
  const char saved = walk.path[end];
  walk.path[end] = '\0';
  const ssize_t length = ::readlinkat(parent, walk.path + name, link, sizeof link);
  walk.path[end] = saved;
  if (length < 0) return errno == EINVAL ? EAGAIN : errno;  // EINVAL: it is no link, someone made it just now
  if (length == 0) return ENOENT;
  const size_t size = static_cast<size_t>(length);
  const size_t keep = link[0] == '/' ? 0 : name;
  const size_t rest = strlen(walk.path + end);
  if (keep + size + rest + 1 > sizeof walk.path) return ENAMETOOLONG;
  memmove(walk.path + keep + size, walk.path + end, rest + 1);
  memcpy(walk.path + keep, link, size);
  return 0;
}

int create_component(Walk& walk, int parent, size_t name, size_t end) {
  const bool last = walk.path[end + strspn(walk.path + end, "/")] == '\0';
  const char saved = walk.path[end];
  walk.path[end] = '\0';
  const char* component = walk.path + name;
  long rc = 0;
  if (last && walk.what == Missing::kFile) {
    rc = ::openat(parent, component, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, walk.mode);
    if (rc >= 0) ::close(static_cast<int>(rc));
  } else {
    rc = ::mkdirat(parent, component, last ? walk.mode : 0755);
  }
  const int err = sys::error_of(rc);
  walk.path[end] = saved;
  return err == EEXIST ? follow_dangling(walk, parent, name, end) : err;
}

/// What is before `name`, in the root; "/" when nothing is.
int open_before(Walk& walk, size_t name) {
  const char saved = walk.path[name];
  walk.path[name] = '\0';
  const int parent = open_in_root(walk.root, name == 0 ? "/" : walk.path, O_PATH | O_DIRECTORY, walk.resolve);
  walk.path[name] = saved;
  return parent;
}

/// Creates the first component that is missing, or replaces a dangling link by its target. Looked for from
/// the end, because nearly always it is the last.
int create_first_missing(Walk& walk) {
  for (size_t end = strlen(walk.path);;) {
    while (end > 0 && walk.path[end - 1] == '/') --end;
    size_t name = end;
    while (name > 0 && walk.path[name - 1] != '/') --name;
    if (name == end) return ENOENT;  // the root itself
    const int parent = open_before(walk, name);
    if (parent >= 0) {
      const int err = create_component(walk, parent, name, end);
      ::close(parent);
      return err;
    }
    if (errno != ENOENT) return errno;
    end = name;
  }
}

}  // namespace

int open_in_root(int root, const char* path, uint64_t flags, uint64_t resolve) {
  int fd = -1;
  for (int tries = 0; tries < kMaxRetries; ++tries) {
    fd = sys::openat2(root, path, flags | O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve);
    if (fd >= 0 || errno != EAGAIN) break;
  }
  return fd;
}

int open_or_create(int root, const char* path, Missing what, mode_t mode, uint64_t resolve, int& fd) {
  Walk walk{root, resolve, what, mode != 0 ? mode : (what == Missing::kFile ? kFileMode : 0755), 0, {}};
  const size_t length = strlen(path);
  if (length == 0) return ENOENT;
  if (length >= sizeof walk.path) return ENAMETOOLONG;
  memcpy(walk.path, path, length + 1);
  // Every round makes one component or follows one link, and a path has at most half its length of them.
  for (int round = 0; round < PATH_MAX / 2 + kMaxLinks; ++round) {
    fd = open_in_root(root, walk.path, O_PATH, resolve);
    if (fd >= 0) return 0;
    if (errno != ENOENT) return errno;
    const int err = create_first_missing(walk);
    if (err != 0 && err != EAGAIN) return err;
  }
  return ELOOP;
}

int open_parent(int root, const char* path, int& parent, const char*& name) {
  const char* slash = strrchr(path, '/');
  name = slash == nullptr ? path : slash + 1;
  if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return EINVAL;
  char directory[PATH_MAX] = "/";
  const size_t length = static_cast<size_t>(name - path);
  if (length >= sizeof directory) return ENAMETOOLONG;
  if (length > 0) {
    memcpy(directory, path, length);
    directory[length] = '\0';
  }
  return open_or_create(root, directory, Missing::kDirectory, 0755, 0, parent);
}

}  // namespace berth::pid1
