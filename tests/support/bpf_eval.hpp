// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace berth::test {

/// Runs a seccomp program in user space, as the kernel would for one system call: the part of
/// classic BPF that seccomp(2) allows. nullopt for a program that the kernel would not load (an
/// unknown instruction, a jump or a read out of bounds, no return).
inline std::optional<std::uint32_t> bpf_eval(const std::vector<sock_filter>& program, const seccomp_data& data) {
  std::uint32_t a = 0, x = 0;
  std::uint32_t memory[BPF_MEMWORDS] = {};
  const auto compare = [&](unsigned code, std::uint32_t operand) {
    switch (BPF_OP(code)) {
      case BPF_JEQ: return a == operand;
      case BPF_JGT: return a > operand;
      case BPF_JGE: return a >= operand;
      default: return (a & operand) != 0;  // BPF_JSET
    }
  };
  const auto calculate = [&](unsigned code, std::uint32_t operand) -> bool {
    switch (BPF_OP(code)) {
      case BPF_ADD: a += operand; return true;
      case BPF_SUB: a -= operand; return true;
      case BPF_MUL: a *= operand; return true;
      case BPF_AND: a &= operand; return true;
      case BPF_OR: a |= operand; return true;
      case BPF_XOR: a ^= operand; return true;
      case BPF_NEG: a = 0U - a; return true;
      case BPF_DIV: return operand != 0 && (a /= operand, true);
      case BPF_LSH: return operand < 32 && (a <<= operand, true);
      case BPF_RSH: return operand < 32 && (a >>= operand, true);
      default: return false;
    }
  };
  // Jumps only go forward, so this ends.
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter& step = program[at];
    const std::uint32_t operand = BPF_SRC(step.code) == BPF_X ? x : step.k;
    switch (BPF_CLASS(step.code)) {
      case BPF_LD:
        if (BPF_MODE(step.code) == BPF_ABS) {
          if (step.k % 4 != 0 || step.k > sizeof data - 4) return std::nullopt;
          std::memcpy(&a, reinterpret_cast<const char*>(&data) + step.k, sizeof a);
        } else if (BPF_MODE(step.code) == BPF_IMM) {
          a = step.k;
        } else if (BPF_MODE(step.code) == BPF_MEM && step.k < BPF_MEMWORDS) {
          a = memory[step.k];
        } else {
          return std::nullopt;
        }
        break;
      case BPF_LDX:
        if (BPF_MODE(step.code) == BPF_MEM && step.k >= BPF_MEMWORDS) return std::nullopt;
        x = BPF_MODE(step.code) == BPF_MEM ? memory[step.k] : step.k;
        break;
      case BPF_ST:
      case BPF_STX:
        if (step.k >= BPF_MEMWORDS) return std::nullopt;
        memory[step.k] = BPF_CLASS(step.code) == BPF_ST ? a : x;
        break;
      case BPF_ALU:
        if (!calculate(step.code, operand)) return std::nullopt;
        break;
      case BPF_JMP:
        at += BPF_OP(step.code) == BPF_JA ? step.k : compare(step.code, operand) ? step.jt : step.jf;
        break;
      case BPF_RET: return BPF_RVAL(step.code) == BPF_A ? a : step.k;
      default: BPF_MISCOP(step.code) == BPF_TAX ? void(x = a) : void(a = x);
    }
  }
  return std::nullopt;
}

}  // namespace berth::test
