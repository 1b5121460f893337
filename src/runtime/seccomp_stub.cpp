// SPDX-License-Identifier: Apache-2.0
#include "runtime/seccomp_stub.hpp"

#include <linux/seccomp.h>

#include <cerrno>
#include <cstddef>

namespace berth::runtime {
namespace {

constexpr std::uint32_t kX32Bit = 0x40000000;

sock_filter statement(unsigned code, std::uint32_t value) {
  return {.code = static_cast<std::uint16_t>(code), .jt = 0, .jf = 0, .k = value};
}

sock_filter jump(unsigned code, std::uint32_t value, std::uint8_t if_true, std::uint8_t if_false) {
  return {.code = static_cast<std::uint16_t>(BPF_JMP | BPF_K | code), .jt = if_true, .jf = if_false, .k = value};
}

/// "Above `limit`: ENOSYS": two instructions that fall through otherwise.
void refuse_above(std::uint32_t limit, std::vector<sock_filter>& out) {
  out.push_back(jump(BPF_JGT, limit, 0, 1));
  out.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
}

std::vector<sock_filter> number_checks(const NewestSyscall& newest) {
  std::vector<sock_filter> checks;
  if (!newest.has_x32_range) {
    if (newest.number) refuse_above(*newest.number, checks);
    return checks;
  }
  std::vector<sock_filter> plain, x32;
  if (newest.number) refuse_above(*newest.number, plain);
  if (newest.x32_number) refuse_above(*newest.x32_number | kX32Bit, x32);
  if (plain.empty() && x32.empty()) return checks;
  plain.push_back(statement(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(x32.size())));
  checks.push_back(jump(BPF_JGE, kX32Bit, static_cast<std::uint8_t>(plain.size()), 0));
  checks.insert(checks.end(), plain.begin(), plain.end());
  checks.insert(checks.end(), x32.begin(), x32.end());
  return checks;
}

}  // namespace

std::vector<sock_filter> enosys_stub(const std::vector<NewestSyscall>& newest) {
  std::vector<sock_filter> stub;
  for (const NewestSyscall& entry : newest) {
    const std::vector<sock_filter> checks = number_checks(entry);
    if (checks.empty()) continue;
    stub.push_back(statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)));
    stub.push_back(jump(BPF_JEQ, entry.audit_arch, 0, static_cast<std::uint8_t>(checks.size() + 1)));
    stub.push_back(statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
    stub.insert(stub.end(), checks.begin(), checks.end());
  }
  return stub;
}

}  // namespace berth::runtime
