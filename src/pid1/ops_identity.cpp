// SPDX-License-Identifier: Apache-2.0
// Who the program runs as, and what it may do.

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pid1/ops.h"
#include "pid1/sys.h"

namespace berth::pid1 {
namespace {

constexpr unsigned kCapabilityBits = 64;

bool has(uint64_t set, unsigned capability) {
  return (set >> capability & 1u) != 0;
}

/// The ambient set only ever holds what is permitted and inheritable; a capability that is not, or
/// that this kernel does not know, is left out rather than made a failure.
int raise_ambient(uint64_t ambient) {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return errno;
  for (unsigned i = 0; i < kCapabilityBits; ++i) {
    if (!has(ambient, i)) continue;
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) != 0 && errno != EPERM && errno != EINVAL) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

int set_groups(Child& child, const plan::Op& op) {
  const uint32_t* groups = op.value == 0 ? nullptr : child.plan.array<uint32_t>(op.extra);
  return sys::error_of(sys::set_groups(static_cast<unsigned>(op.value), groups));
}

int bounding_set(Child&, const plan::Op& op) {
  for (unsigned i = 0; i < kCapabilityBits; ++i) {
    const int present = ::prctl(PR_CAPBSET_READ, i, 0, 0, 0);
    if (present < 0) break;  // EINVAL: past the last capability of this kernel
    if (present == 1 && !has(op.value, i) && ::prctl(PR_CAPBSET_DROP, i, 0, 0, 0) != 0) return errno;
  }
  return 0;
}

int set_ids(Child&, const plan::Op& op) {
  if (::prctl(PR_SET_KEEPCAPS, op.mode == 1 ? 1 : 0, 0, 0, 0) != 0) return errno;
  // The group first: without the user's rights it could not be changed any more.
  if (sys::set_gids(static_cast<uint32_t>(op.value)) != 0) return errno;
  return sys::error_of(sys::set_uids(static_cast<uint32_t>(op.flags)));
}

int set_capabilities(Child& child, const plan::Op& op) {
  const uint64_t* sets = child.plan.array<uint64_t>(op.extra);
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  for (unsigned half = 0; half < 2; ++half) {
    data[half].effective = static_cast<uint32_t>(sets[0] >> (32 * half));
    data[half].permitted = static_cast<uint32_t>(sets[1] >> (32 * half));
    data[half].inheritable = static_cast<uint32_t>(sets[2] >> (32 * half));
  }
  if (::syscall(SYS_capset, &header, data) != 0) return errno;
  return raise_ambient(sets[3]);
}

int no_new_privs(Child&, const plan::Op&) {
  return sys::error_of(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

int load_filter(Child& child, const plan::Op& op, int& listener) {
  sock_fprog program = {};
  program.len = static_cast<unsigned short>(op.value);
  program.filter = const_cast<sock_filter*>(child.plan.array<sock_filter>(op.extra));
  const long rc = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, static_cast<unsigned>(op.flags), &program);
  const bool listens = (op.flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0;
  if (rc >= 0 && listens) listener = static_cast<int>(rc);
  return rc > 0 && !listens ? EBUSY : sys::error_of(rc);  // > 0: with TSYNC, the thread that could not follow
}

int load_seccomp(Child& child, const plan::Op& op) {
  int listener = -1;
  return load_filter(child, op, listener);
}

int join_keyring(Child& child, const plan::Op& op) {
  if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, child.plan.text(op.text)) >= 0) return 0;
  return errno == ENOSYS || errno == EDQUOT || errno == EPERM ? 0 : errno;
}

}  // namespace berth::pid1
