// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace berth::test {

/// The machine that a seccomp program runs on: accumulator, index register, scratch memory.
struct BpfMachine {
  std::uint32_t a = 0, x = 0;
  std::uint32_t memory[BPF_MEMWORDS] = {};

  bool compare(unsigned code, std::uint32_t operand) const {
    switch (BPF_OP(code)) {
      case BPF_JEQ:
        return a == operand;
      case BPF_JGT:
        return a > operand;
      case BPF_JGE:
        return a >= operand;
      default:
        return (a & operand) != 0;  // BPF_JSET
    }
  }

  bool calculate(unsigned code, std::uint32_t operand) {
    switch (BPF_OP(code)) {
      case BPF_ADD:
        a += operand;
        return true;
      case BPF_SUB:
        a -= operand;
        return true;
      case BPF_MUL:
        a *= operand;
        return true;
      case BPF_AND:
        a &= operand;
        return true;
      case BPF_OR:
        a |= operand;
        return true;
      case BPF_XOR:
        a ^= operand;
        return true;
      case BPF_NEG:
        a = 0U - a;
        return true;
      case BPF_DIV:
        return operand != 0 && (a /= operand, true);
      case BPF_LSH:
        return operand < 32 && (a <<= operand, true);
      case BPF_RSH:
        return operand < 32 && (a >>= operand, true);
      default:
        return false;
    }
  }

  bool load(const sock_filter& step, const seccomp_data& data) {
    std::uint32_t& to = BPF_CLASS(step.code) == BPF_LD ? a : x;
    switch (BPF_MODE(step.code)) {
      case BPF_IMM:
        to = step.k;
        return true;
      case BPF_MEM:
        return step.k < BPF_MEMWORDS && (to = memory[step.k], true);
      case BPF_ABS:
        if (step.k % 4 != 0 || step.k > sizeof data - 4) return false;
        std::memcpy(&to, reinterpret_cast<const char*>(&data) + step.k, sizeof to);
        return true;
      default:
        return false;
    }
  }
};

/// Runs a seccomp program in user space, as the kernel would for one system call: the part of
/// classic BPF that seccomp(2) allows. nullopt for a program that the kernel would not load (an
/// unknown instruction, a jump or a read out of bounds, no return).
inline std::optional<std::uint32_t> bpf_eval(const std::vector<sock_filter>& program,
                                             const seccomp_data& data) {
  BpfMachine machine;
  // Jumps only go forward, so this ends.
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter& step = program[at];
    const std::uint32_t operand = BPF_SRC(step.code) == BPF_X ? machine.x : step.k;
    switch (BPF_CLASS(step.code)) {
      case BPF_LD:
      case BPF_LDX:
        if (!machine.load(step, data)) return std::nullopt;
        break;
      case BPF_ST:
      case BPF_STX:
        if (step.k >= BPF_MEMWORDS) return std::nullopt;
        machine.memory[step.k] = BPF_CLASS(step.code) == BPF_ST ? machine.a : machine.x;
        break;
      case BPF_ALU:
        if (!machine.calculate(step.code, operand)) return std::nullopt;
        break;
      case BPF_JMP:
        at += BPF_OP(step.code) == BPF_JA ? step.k : machine.compare(step.code, operand) ? step.jt : step.jf;
        break;
      case BPF_RET:
        return BPF_RVAL(step.code) == BPF_A ? machine.a : step.k;
      default:
        BPF_MISCOP(step.code) == BPF_TAX ? void(machine.x = machine.a) : void(machine.a = machine.x);
    }
  }
  return std::nullopt;
}

}  // namespace berth::test
