// SPDX-License-Identifier: Apache-2.0
#include "runtime/seccomp_notify.hpp"

#include <linux/seccomp.h>

#include <algorithm>

#include "base/cat.hpp"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

namespace berth::runtime {
namespace {

constexpr std::string_view kNotify = "SCMP_ACT_NOTIFY";

}  // namespace

Result<std::uint64_t> with_listener(const oci::Seccomp& profile, std::uint64_t flags) {
  if (profile.default_action == kNotify)
    return Error(Code::kInvalidArgument,
                 "seccomp defaultAction: SCMP_ACT_NOTIFY would stop the process for good");
  bool asks = false;
  for (const oci::SeccompRule& rule : profile.syscalls) {
    if (rule.action != kNotify) continue;
    asks = true;
    if (std::find(rule.names.begin(), rule.names.end(), "write") != rule.names.end())
      return Error(Code::kInvalidArgument,
                   "seccomp action: SCMP_ACT_NOTIFY for write would stop the process for good");
  }
  if (!asks) {
    if ((flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) == 0) return flags;
    return Error(
        Code::kInvalidArgument,
        "seccomp flags: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV means nothing without SCMP_ACT_NOTIFY");
  }
  if (profile.listener_path.empty())
    return Error(Code::kInvalidArgument, "seccomp action: SCMP_ACT_NOTIFY needs a listenerPath");
  flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
  // Both want the return value of the call; this one gives it to the listener.
  if ((flags & SECCOMP_FILTER_FLAG_TSYNC) != 0) flags &= ~std::uint64_t{SECCOMP_FILTER_FLAG_TSYNC};
  return flags;
}

}  // namespace berth::runtime
