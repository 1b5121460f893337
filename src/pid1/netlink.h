// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>
#include <sys/types.h>

namespace berth::pid1 {

/// All act in the caller's network namespace and return 0 or an errno.

/// Moves a device to the namespace of `pid`, or to that of the descriptor `ns_fd` when it is not -1,
/// where it gets `new_name`.
int move_link(const char* name, const char* new_name, int ns_fd, pid_t pid);

/// Brings a device up and gives it addresses: plan::OpKind::kLinkUp's words.
int bring_link_up(const char* name, const uint64_t* addresses, uint64_t count);

}  // namespace berth::pid1
