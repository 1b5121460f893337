// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "runtime/cgroup/devices.hpp"
#include "runtime/cgroup/devices_bpf.hpp"

using namespace berth;
using namespace berth::runtime::cgroup;

namespace {

oci::DeviceRule rule(bool allow, char type, std::optional<std::int64_t> major,
                     std::optional<std::int64_t> minor, const char* access) {
  return {allow, type, major, minor, access};
}

const oci::DeviceRule kDenyAll = rule(false, 'a', {}, {}, "rwm");

// The few instructions that device programs are made of, so that a policy is tested without a kernel.
int evaluate(const std::vector<bpf_insn>& program, bool block, unsigned access, long major, long minor) {
  std::uint32_t context[3] = {(access << 16U) | (block ? 1U : 2U), static_cast<std::uint32_t>(major),
                              static_cast<std::uint32_t>(minor)};
  std::uint64_t r[11] = {};
  for (std::size_t pc = 0, steps = 0; steps < 100000; ++pc, ++steps) {
    REQUIRE(pc < program.size());
    const bpf_insn& i = program[pc];
    const auto imm = static_cast<std::uint64_t>(static_cast<std::int64_t>(i.imm));
    switch (static_cast<unsigned>(i.code)) {
      case BPF_LDX | BPF_MEM | BPF_W:
        r[i.dst_reg] = context[static_cast<std::size_t>(i.off) / 4];
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        r[i.dst_reg] = static_cast<std::uint32_t>(r[i.dst_reg] & imm);
        break;
      case BPF_ALU | BPF_RSH | BPF_K:
        r[i.dst_reg] = static_cast<std::uint32_t>(r[i.dst_reg]) >> imm;
        break;
      case BPF_ALU64 | BPF_MOV | BPF_X:
        r[i.dst_reg] = r[i.src_reg];
        break;
      case BPF_ALU64 | BPF_MOV | BPF_K:
        r[i.dst_reg] = imm;
        break;
      case BPF_JMP | BPF_JNE | BPF_K:
        pc += r[i.dst_reg] != imm ? static_cast<std::size_t>(i.off) : 0;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        pc += r[i.dst_reg] == imm ? static_cast<std::size_t>(i.off) : 0;
        break;
      case BPF_JMP | BPF_EXIT:
        return static_cast<int>(r[0]);
      default:
        FAIL("unknown instruction " << static_cast<unsigned>(i.code));
    }
  }
  FAIL("the program does not end");
  return -1;
}

bool allowed(const std::vector<oci::DeviceRule>& rules, char type, long major, long minor, unsigned access) {
  return evaluate(device_program(*device_matches(rules)), type == 'b', access, major, minor) == 1;
}

std::string v1_text(const std::vector<oci::DeviceRule>& rules) {
  const auto writes = v1_device_writes(rules);
  if (!writes) return "error: " + writes.error().to_string();
  std::string text;
  for (const DeviceWrite& write : *writes) text += write.file.substr(8) + " " + write.value + ";";
  return text;
}

}  // namespace

TEST_CASE("malformed device rules are refused", "[cgroup]") {
  CHECK_FALSE(device_matches({rule(true, 'x', 1, 3, "r")}));
  CHECK_FALSE(device_matches({rule(true, 'c', 1, 3, "rx")}));
  CHECK_FALSE(device_matches({rule(true, 'c', 5000, 3, "r")}));
  CHECK_FALSE(device_matches({rule(true, 'c', -2, 3, "r")}));
  CHECK_FALSE(device_matches({rule(true, 'c', 1, 1 << 20, "r")}));
  CHECK(device_matches({rule(true, 'c', 1, 3, "zz")}).error().code() == Code::kInvalidArgument);
}

TEST_CASE("what no device rule names is denied", "[cgroup]") {
  CHECK_FALSE(allowed({}, 'c', 1, 3, kDeviceRead));
  CHECK_FALSE(allowed({rule(true, 'c', 1, 3, "rwm")}, 'c', 1, 5, kDeviceRead));
}

TEST_CASE("the last matching device rule wins", "[cgroup]") {
  const std::vector<oci::DeviceRule> rules = {kDenyAll, rule(true, 'c', 1, {}, "rwm"),
                                              rule(false, 'c', 1, 5, "w")};
  CHECK(allowed(rules, 'c', 1, 3, kDeviceAll));
  CHECK(allowed(rules, 'c', 1, 5, kDeviceRead));
  CHECK_FALSE(allowed(rules, 'c', 1, 5, kDeviceWrite));
  CHECK_FALSE(allowed(rules, 'c', 1, 5, kDeviceRead | kDeviceWrite));
  CHECK_FALSE(allowed(rules, 'b', 1, 3, kDeviceRead));
  CHECK_FALSE(allowed(rules, 'c', 2, 3, kDeviceRead));
  std::vector<oci::DeviceRule> undone = rules;
  undone.push_back(kDenyAll);
  CHECK_FALSE(allowed(undone, 'c', 1, 3, kDeviceRead));
  undone.push_back(rule(true, 'a', {}, {}, ""));
  CHECK(allowed(undone, 'b', 8, 0, kDeviceAll));
}

TEST_CASE("access bits from several device rules add up", "[cgroup]") {
  const std::vector<oci::DeviceRule> rules = {kDenyAll, rule(true, 'c', 10, 200, "r"),
                                              rule(true, 'c', 10, {}, "w")};
  CHECK(allowed(rules, 'c', 10, 200, kDeviceRead | kDeviceWrite));
  CHECK_FALSE(allowed(rules, 'c', 10, 200, kDeviceAll));
  CHECK_FALSE(allowed(rules, 'c', 10, 1, kDeviceRead));
}

TEST_CASE("a rule for all types with some access is one for each type", "[cgroup]") {
  const std::vector<oci::DeviceRule> rules = {kDenyAll, rule(true, 'a', {}, {}, "m")};
  CHECK(allowed(rules, 'b', 7, 7, kDeviceMknod));
  CHECK(allowed(rules, 'c', 7, 7, kDeviceMknod));
  CHECK_FALSE(allowed(rules, 'c', 7, 7, kDeviceRead));
  CHECK(v1_text(rules) == "deny a;allow c *:* m;allow b *:* m;");
}

TEST_CASE("the usual device rules of a container are told to v1 as exceptions", "[cgroup]") {
  CHECK(v1_text({}).empty());
  CHECK(v1_text({kDenyAll, rule(true, 'c', {}, {}, "m"), rule(true, 'c', 1, 3, "rwm"),
                 rule(true, 'c', 136, {}, "rwm")}) ==
        "deny a;allow c *:* m;allow c 1:3 rwm;allow c 136:* rwm;");
  CHECK(v1_text({kDenyAll, rule(true, 'a', {}, {}, "rwm")}) == "allow a;");
  CHECK(v1_text({rule(true, 'a', {}, {}, "rwm"), rule(false, 'b', 8, {}, "w")}) == "allow a;deny b 8:* w;");
  CHECK(v1_text({rule(true, 'c', 1, 3, "r")}) == "deny a;allow c 1:3 r;");
}

TEST_CASE("v1 takes back whole exceptions and refuses to cut holes", "[cgroup]") {
  CHECK(v1_text({kDenyAll, rule(true, 'c', 1, 3, "rwm"), rule(false, 'c', 1, {}, "w")}) ==
        "deny a;allow c 1:3 rm;");
  CHECK(v1_text({kDenyAll, rule(true, 'c', 1, 3, "rwm"), rule(false, 'c', 1, 3, "rwm")}) == "deny a;");
  const auto hole = v1_device_writes({kDenyAll, rule(true, 'c', 1, {}, "rwm"), rule(false, 'c', 1, 5, "w")});
  REQUIRE_FALSE(hole);
  CHECK(hole.error().code() == Code::kInvalidArgument);
}
