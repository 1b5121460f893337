// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/devices_bpf.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "base/cat.hpp"
#include "base/unique_fd.hpp"

namespace berth::runtime::cgroup {
namespace {

constexpr std::string_view kProgramName = "berth_devices";

bpf_insn instruction(unsigned code, unsigned dst, unsigned src, int off, int imm) {
  bpf_insn insn{};
  insn.code = static_cast<__u8>(code);
  insn.dst_reg = dst & 0xfU;
  insn.src_reg = src & 0xfU;
  insn.off = static_cast<__s16>(off);
  insn.imm = imm;
  return insn;
}

bpf_insn load_word(unsigned dst, unsigned src, std::size_t off) {
  return instruction(BPF_LDX | BPF_MEM | BPF_W, dst, src, static_cast<int>(off), 0);
}
bpf_insn alu(unsigned op, unsigned dst, int imm) {
  return instruction(BPF_ALU | op | BPF_K, dst, 0, 0, imm);
}
bpf_insn copy(unsigned dst, unsigned src) {
  return instruction(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}
bpf_insn set(unsigned dst, int imm) {
  return instruction(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm);
}
bpf_insn jump(unsigned op, unsigned dst, int imm, int off) {
  return instruction(BPF_JMP | op | BPF_K, dst, 0, off, imm);
}
bpf_insn leave() {
  return instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

// Registers: 2 type, 3 access bits still to be decided, 4 major, 5 minor.
void append_rule(std::vector<bpf_insn>& program, const DeviceMatch& rule) {
  std::vector<bpf_insn> verdict;
  if (rule.allow) {
    verdict = {alu(BPF_AND, 3, static_cast<int>(kDeviceAll & ~rule.access)), jump(BPF_JNE, 3, 0, 2),
               set(0, 1), leave()};
  } else {
    verdict = {copy(1, 3), alu(BPF_AND, 1, static_cast<int>(rule.access)), jump(BPF_JEQ, 1, 0, 2), set(0, 0),
               leave()};
  }
  std::vector<std::pair<unsigned, int>> conditions = {
      {2, rule.block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR}};
  if (rule.major >= 0) conditions.emplace_back(4, static_cast<int>(rule.major));
  if (rule.minor >= 0) conditions.emplace_back(5, static_cast<int>(rule.minor));
  for (std::size_t i = 0; i < conditions.size(); ++i) {
    const std::size_t behind = verdict.size() + conditions.size() - 1 - i;
    program.push_back(jump(BPF_JNE, conditions[i].first, conditions[i].second, static_cast<int>(behind)));
  }
  program.insert(program.end(), verdict.begin(), verdict.end());
}

long bpf(bpf_cmd command, bpf_attr& attributes) {
  return ::syscall(SYS_bpf, command, &attributes, sizeof(attributes));
}

UniqueFd load(const std::vector<bpf_insn>& program) {
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = reinterpret_cast<std::uintptr_t>(program.data());
  attributes.insn_cnt = static_cast<__u32>(program.size());
  attributes.license = reinterpret_cast<std::uintptr_t>("Apache-2.0");
  std::copy(kProgramName.begin(), kProgramName.end(), attributes.prog_name);
  return UniqueFd(static_cast<int>(bpf(BPF_PROG_LOAD, attributes)));  // CLOEXEC by birth, bpf(2)
}

// Kernels before 5.11 count programs against RLIMIT_MEMLOCK and say EPERM. Only then is the limit
// raised: doing so needs a right that a confined daemon may not have, and newer kernels need none.
Result<UniqueFd> load_program(const std::vector<bpf_insn>& program) {
  UniqueFd fd = load(program);
  if (!fd && errno == EPERM) {
    const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0) {
      fd = load(program);
    } else {
      errno = EPERM;
    }
  }
  if (!fd) return Error::from_errno(errno, "load", "the device program");
  return fd;
}

// The descriptor of the program that we attached to this very group earlier; empty: none.
UniqueFd find_attached(int group_fd) {
  std::array<__u32, 64> ids{};
  bpf_attr query{};
  query.query.target_fd = static_cast<__u32>(group_fd);
  query.query.attach_type = BPF_CGROUP_DEVICE;
  query.query.prog_ids = reinterpret_cast<std::uintptr_t>(ids.data());
  query.query.prog_cnt = ids.size();
  if (bpf(BPF_PROG_QUERY, query) != 0) return {};
  for (__u32 i = 0; i < query.query.prog_cnt && i < ids.size(); ++i) {
    bpf_attr by_id{};
    by_id.prog_id = ids[i];
    UniqueFd fd(static_cast<int>(bpf(BPF_PROG_GET_FD_BY_ID, by_id)));
    if (!fd) continue;
    bpf_prog_info info{};
    bpf_attr describe{};
    describe.info.bpf_fd = static_cast<__u32>(fd.get());
    describe.info.info = reinterpret_cast<std::uintptr_t>(&info);
    describe.info.info_len = sizeof(info);
    if (bpf(BPF_OBJ_GET_INFO_BY_FD, describe) == 0 && kProgramName == info.name) return fd;
  }
  return {};
}

}  // namespace

std::vector<bpf_insn> device_program(const std::vector<DeviceMatch>& rules) {
  // access_type holds the access bits in its upper and the type in its lower half.
  std::vector<bpf_insn> program = {
      load_word(2, 1, offsetof(bpf_cgroup_dev_ctx, access_type)),
      alu(BPF_AND, 2, 0xffff),
      load_word(3, 1, offsetof(bpf_cgroup_dev_ctx, access_type)),
      alu(BPF_RSH, 3, 16),
      load_word(4, 1, offsetof(bpf_cgroup_dev_ctx, major)),
      load_word(5, 1, offsetof(bpf_cgroup_dev_ctx, minor)),
  };
  for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) append_rule(program, *rule);
  program.push_back(set(0, 0));
  program.push_back(leave());
  return program;
}

Result<void> attach_device_program(int group_fd, const std::vector<DeviceMatch>& rules) {
  ASSIGN_OR_RETURN(const UniqueFd program, load_program(device_program(rules)));
  const UniqueFd old = find_attached(group_fd);
  bpf_attr attributes{};
  attributes.target_fd = static_cast<__u32>(group_fd);
  attributes.attach_bpf_fd = static_cast<__u32>(program.get());
  attributes.attach_type = BPF_CGROUP_DEVICE;
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  if (old) {
    attributes.attach_flags |= BPF_F_REPLACE;
    attributes.replace_bpf_fd = static_cast<__u32>(old.get());
  }
  if (bpf(BPF_PROG_ATTACH, attributes) != 0) return Error::from_errno(errno, "attach", "the device program");
  return {};
}

}  // namespace berth::runtime::cgroup
