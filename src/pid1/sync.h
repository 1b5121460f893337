// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "pid1/fd.h"
#include "pid1/launch_protocol.h"

namespace berth::pid1 {

/// One packet on the socketpair between the shim and a child that has not called execve yet.
using SyncMessage = launch::Message;

/// One packet of `count` parts, and a descriptor with it; 0 or an errno.
int send_with_fd(int socket, iovec* parts, size_t count, int fd);

/// Child side. By write when there is no descriptor to pass: every seccomp filter allows that.
void send_sync(int socket, const SyncMessage& message, int fd = -1);

/// Shim side; never blocks. Like recv: size, 0 at the end, -1 with errno.
ssize_t receive_sync(int socket, SyncMessage& message, Fd& fd);

/// Closes every descriptor from 3 on but those in `keep`, which has `count` entries; -1 is skipped.
void close_all_but(const int* keep, uint32_t count);

}  // namespace berth::pid1
