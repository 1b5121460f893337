// SPDX-License-Identifier: Apache-2.0
#include <linux/audit.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "../support/bpf_eval.hpp"
#include "runtime/seccomp_program.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static berth::runtime::SeccompCompiler compiler;
  const auto profile =
      berth::runtime::parse_seccomp_profile({reinterpret_cast<const char*>(data), size}, {"CAP_SYS_ADMIN"});
  if (!profile) return 0;
  const auto program = compiler.compile(*profile);
  if (!program) return 0;
  for (std::uint32_t arch :
       std::initializer_list<std::uint32_t>{AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64}) {
    for (int number : {0, 1, 59, 435, 5000, 0x40000000, 0x40001388, -1}) {
      const seccomp_data call{.nr = number, .arch = arch, .instruction_pointer = 0, .args = {1, ~0ULL}};
      if (!berth::test::bpf_eval((*program)->instructions, call)) __builtin_trap();
    }
  }
  return 0;
}
