// SPDX-License-Identifier: Apache-2.0
#include "runtime/seccomp_stub.hpp"

#include "runtime/seccomp_recent.hpp"

#include <linux/seccomp.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

namespace berth::runtime {
namespace {

sock_filter statement(unsigned code, std::uint32_t value) {
  return {.code = static_cast<std::uint16_t>(code), .jt = 0, .jf = 0, .k = value};
}

sock_filter jump(unsigned code, std::uint32_t value, std::uint8_t if_true, std::uint8_t if_false) {
  return {
      .code = static_cast<std::uint16_t>(BPF_JMP | BPF_K | code), .jt = if_true, .jf = if_false, .k = value};
}

/// "Above `limit`: ENOSYS": two instructions that fall through otherwise.
void refuse_above(std::uint32_t limit, std::vector<sock_filter>& out) {
  out.push_back(jump(BPF_JGT, limit, 0, 1));
  out.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS));
}

/// All of them are above all that is called often: that goes past them with one comparison.
std::vector<sock_filter> recent_checks(const std::vector<RecentSyscall>& recent) {
  std::vector<sock_filter> checks;
  if (recent.empty()) return checks;
  const auto lowest = std::min_element(recent.begin(), recent.end(),
                                       [](const auto& a, const auto& b) { return a.number < b.number; });
  checks.push_back(jump(BPF_JGE, lowest->number, 0, static_cast<std::uint8_t>(recent.size() * 2)));
  for (const RecentSyscall& call : recent) {
    checks.push_back(jump(BPF_JEQ, call.number, 0, 1));
    checks.push_back(statement(BPF_RET | BPF_K, call.action));
  }
  return checks;
}

std::vector<sock_filter> number_checks(const NewestSyscall& newest) {
  std::vector<sock_filter> checks = recent_checks(newest.recent);
  const bool both_ranges = newest.has_x32_range && (newest.number || newest.x32_number);
  // x32 numbers are checked behind the plain ones; each side jumps over the other.
  if (both_ranges) checks.push_back(jump(BPF_JGE, kX32Bit, newest.number ? 3 : 1, 0));
  if (newest.number) refuse_above(*newest.number, checks);
  if (both_ranges) checks.push_back(statement(BPF_JMP | BPF_JA, newest.x32_number ? 2 : 0));
  if (newest.has_x32_range && newest.x32_number) refuse_above(*newest.x32_number | kX32Bit, checks);
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
    for (const sock_filter& check : checks) stub.push_back(check);
  }
  return stub;
}

}  // namespace berth::runtime
