// SPDX-License-Identifier: Apache-2.0
#include "runtime/seccomp_recent.hpp"

#include <linux/audit.h>

namespace berth::runtime {
namespace {

// Linux gives a new system call the same number on all of its architectures (but Alpha, MIPS and, by
// a bit, x32), in this order.
constexpr std::uint32_t kFirst = 450;
constexpr std::string_view kNames[] = {"set_mempolicy_home_node",
                                       "cachestat",
                                       "fchmodat2",
                                       "map_shadow_stack",
                                       "futex_wake",
                                       "futex_wait",
                                       "futex_requeue",
                                       "statmount",
                                       "listmount",
                                       "lsm_get_self_attr",
                                       "lsm_set_self_attr",
                                       "lsm_list_modules",
                                       "mseal",
                                       "setxattrat",
                                       "getxattrat",
                                       "listxattrat",
                                       "removexattrat"};
constexpr std::uint32_t kX32 = EM_X86_64 | __AUDIT_ARCH_LE;  // as libseccomp calls it: the kernel has no name

}  // namespace

std::optional<std::uint32_t> recent_syscall_number(std::uint32_t architecture, std::string_view name) {
  const bool x32 = architecture == kX32;
  const bool x86 = x32 || architecture == AUDIT_ARCH_X86_64 || architecture == AUDIT_ARCH_I386;
  if (!x86 && architecture != AUDIT_ARCH_AARCH64 && architecture != AUDIT_ARCH_ARM) return std::nullopt;
  std::uint32_t number = kFirst;
  for (const std::string_view known : kNames) {
    if (known == name) return x32 ? number | kX32Bit : number;
    ++number;
  }
  return std::nullopt;
}

}  // namespace berth::runtime
