// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"

namespace berth::image {

/// Shuts this process in, for good, before it reads hostile bytes: mount namespace and root
/// directory of its own (`root_fd`), no rights but those that file attributes need, no new
/// privileges, small limits, and a seccomp allow-list of file system calls on what is open.
/// Built with a sanitizer, which needs calls of its own, it leaves out the limits and the list.
Result<void> enter_unpack_sandbox(int root_fd);

}  // namespace berth::image
