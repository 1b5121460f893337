// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernel_calls.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/cat.hpp"

namespace berth::runtime {
namespace {

constexpr KernelCall kNeeded[] = {
    {"openat2", SYS_openat2, "5.6"},  // a walk by hand loses races against renames
    // By its number: with no arguments it makes no child, and nothing but this may be called clone here.
    {"clone3", __NR_clone3, "5.7"},  // that it can bear a process in a cgroup
    {"fsopen", SYS_fsopen, "5.2"},   // mounts are made detached and attached to descriptors, never to paths
    {"move_mount", SYS_move_mount, "5.2"},
    {"mount_setattr", SYS_mount_setattr, "5.12"},  // a recursive read-only mount must not be half of one
    {"close_range", SYS_close_range, "5.11"},      // nothing may be left open, however high its number
    {"pidfd_open", SYS_pidfd_open, "5.3"},         // a number may be somebody else's by now
};

}  // namespace

std::span<const KernelCall> needed_calls() {
  return kNeeded;
}

bool is_there(const KernelCall& call) {
  return ::syscall(call.number, -1L, 0L, 0L, 0L, 0L) != -1 || errno != ENOSYS;
}

Result<void> check_needed_calls() {
  for (const KernelCall& call : kNeeded) {
    if (is_there(call)) continue;
    return Error(
        Code::kFailedPrecondition,
        cat("there is no system call ", call.name, ", without which no container is safe: use Linux ",
            call.since, " or later (5.12 has all), or let a seccomp filter around this process allow it"));
  }
  return {};
}

}  // namespace berth::runtime
