// SPDX-License-Identifier: Apache-2.0
#include "runtime/seccomp_recent.hpp"

#include <seccomp.h>

#include <string_view>

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
constexpr std::uint32_t kX32Bit = 0x40000000;

}  // namespace

std::optional<std::uint32_t> recent_syscall_number(std::uint32_t architecture, const std::string& name) {
  const bool x32 = architecture == SCMP_ARCH_X32;
  const bool x86 = x32 || architecture == SCMP_ARCH_X86_64 || architecture == SCMP_ARCH_X86;
  if (!x86 && architecture != SCMP_ARCH_AARCH64 && architecture != SCMP_ARCH_ARM) return std::nullopt;
  if (::seccomp_syscall_resolve_name_arch(architecture, name.c_str()) != __NR_SCMP_ERROR) return std::nullopt;
  std::uint32_t number = kFirst;
  for (const std::string_view known : kNames) {
    if (known == name) return x32 ? number | kX32Bit : number;
    ++number;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> syscall_number(std::uint32_t architecture, const std::string& name) {
  const int number = ::seccomp_syscall_resolve_name_arch(architecture, name.c_str());
  if (number >= 0) return static_cast<std::uint32_t>(number);
  return recent_syscall_number(architecture, name);
}

}  // namespace berth::runtime
