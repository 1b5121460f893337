// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pid1/child.h"

namespace berth::pid1 {

/// Opens a file of a procfs that nobody else has a path to, or, where such a one cannot be made, of
/// /proc when that is a procfs's root; -1 with errno. Only meaningful before the pivot. `path` is
/// relative, without magic links.
int open_in_proc(Child& child, const char* path, int flags);

/// The same for the magic link of a namespace.
int open_namespace(Child& child, const char* path);

}  // namespace berth::pid1
