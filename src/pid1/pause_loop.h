// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace berth::pid1 {

/// Reaps for ever, with SIGCHLD blocked by the caller. Uses no system calls but munmap,
/// rt_sigtimedwait and wait4.
///
/// The pause process is a clone of the shim that is never exec'ed: where the kernel allows it, this
/// gives back all of the copied memory but the one page that the loop is in. That leaves less than a
/// fresh exec of this program would (no stack, no heap, no libc data: one shared page of text), and
/// nothing of the shim's memory in a process that a container with CAP_SYS_PTRACE may look into.
[[noreturn]] void pause_loop();

}  // namespace berth::pid1
