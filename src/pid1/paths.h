// SPDX-License-Identifier: Apache-2.0
#pragma once

// Paths inside a root that belongs to someone else. No function here ever resolves a path string
// against the host's tree: every step is openat2(RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS).

#include <stdint.h>
#include <sys/types.h>

namespace berth::pid1 {

/// openat2 in `root`, O_CLOEXEC added; `resolve` adds RESOLVE_* bits. -1 with errno.
int open_in_root(int root, const char* path, uint64_t flags, uint64_t resolve = 0);

enum class Missing : uint8_t { kDirectory, kFile };

/// Opens `path` with O_PATH and creates what is missing of it, component by component; the last
/// one as `what` with `mode`, the others as directories 0755. Dangling symbolic links are followed
/// inside the root, unless `resolve` has RESOLVE_NO_SYMLINKS. 0, or an errno.
int open_or_create(int root, const char* path, Missing what, mode_t mode, uint64_t resolve, int& fd);

/// Opens the directory that `path`'s last component is in, creating it like open_or_create, and
/// points `name` at that component. EINVAL when there is none ("/", "a/..").
int open_parent(int root, const char* path, int& parent, const char*& name);

}  // namespace berth::pid1
