// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "runtime/seccomp_arch.hpp"
#include "runtime/seccomp_default_table.hpp"
#include "runtime/seccomp_program.hpp"

namespace berth::runtime {
namespace {

// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. (CLONE_NEWTIME has no meaning to clone.)
constexpr std::uint64_t kNamespaceFlags = 0x7e020000;

// personality(2): PER_LINUX and PER_LINUX32, each also with UNAME26, and the query. The others turn
// off address randomisation or other protections.
constexpr std::uint64_t kPersonalities[] = {0x0, 0x8, 0x20000, 0x20008, 0xffffffff};

std::vector<std::string> split(std::string_view names) {
  std::vector<std::string> out;
  while (!names.empty()) {
    const std::size_t end = std::min(names.find(' '), names.size());
    if (end > 0) out.emplace_back(names.substr(0, end));
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return out;
}

oci::SeccompRule allow(std::vector<std::string> names, std::vector<oci::SeccompArg> args = {}) {
  oci::SeccompRule rule;
  rule.names = std::move(names);
  rule.action = "SCMP_ACT_ALLOW";
  rule.args = std::move(args);
  return rule;
}

/// What depends on arguments.
void add_conditional(bool administrator, std::vector<oci::SeccompRule>& rules) {
  for (const std::uint64_t value : kPersonalities)
    rules.push_back(allow({"personality"}, {{0, value, 0, "SCMP_CMP_EQ"}}));
  // vsock reaches the hypervisor's side, past every network namespace.
  rules.push_back(allow({"socket"}, {{0, AF_VSOCK, 0, "SCMP_CMP_NE"}}));
  if (administrator) return;
#if defined(__s390__)
  constexpr unsigned kFlagsArgument = 1;
#else
  constexpr unsigned kFlagsArgument = 0;
#endif
  rules.push_back(allow({"clone"}, {{kFlagsArgument, kNamespaceFlags, 0, "SCMP_CMP_MASKED_EQ"}}));
  // Its flags are in memory, out of a filter's reach; ENOSYS makes the C library use clone.
  oci::SeccompRule clone3;
  clone3.names = {"clone3"};
  clone3.action = "SCMP_ACT_ERRNO";
  clone3.errno_ret = ENOSYS;
  rules.push_back(std::move(clone3));
}

}  // namespace

std::vector<std::string> native_seccomp_architectures() {
#if defined(__x86_64__)
  return {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
#elif defined(__aarch64__)
  return {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"};
#elif defined(__riscv)
  return {"SCMP_ARCH_RISCV64"};
#elif defined(__powerpc64__)
  return {"SCMP_ARCH_PPC64LE"};
#elif defined(__s390x__)
  return {"SCMP_ARCH_S390X", "SCMP_ARCH_S390"};
#else
  return {};
#endif
}

std::string_view native_architecture_word() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#elif defined(__riscv)
  return "riscv64";
#elif defined(__powerpc64__)
  return "ppc64le";
#elif defined(__s390x__)
  return "s390x";
#else
  return "";
#endif
}

oci::Seccomp default_seccomp_profile(const std::vector<std::string>& capabilities) {
  const auto has = [&](std::string_view name) {
    return std::find(capabilities.begin(), capabilities.end(), name) != capabilities.end();
  };
  oci::Seccomp profile;
  profile.default_action = "SCMP_ACT_ERRNO";
  profile.default_errno_ret = EPERM;
  profile.architectures = native_seccomp_architectures();
  for (const SyscallGroup& group : default_syscall_groups()) {
    if (group.capability.empty() || has(group.capability))
      profile.syscalls.push_back(allow(split(group.names)));
  }
  add_conditional(has("CAP_SYS_ADMIN"), profile.syscalls);
  return profile;
}

}  // namespace berth::runtime
