// SPDX-License-Identifier: Apache-2.0
#include <linux/audit.h>
#include <sys/syscall.h>

#include <catch2/catch.hpp>
#include <cerrno>

#include "bpf_eval.hpp"
#include "runtime/seccomp_program.hpp"
#include "runtime/seccomp_recent.hpp"
#include "runtime/seccomp_stub.hpp"

namespace berth::runtime {
namespace {

constexpr std::uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr std::uint32_t kDenied = SECCOMP_RET_ERRNO | EPERM;
constexpr std::uint32_t kMissing = SECCOMP_RET_ERRNO | ENOSYS;

SeccompCompiler& compiler() {
  static SeccompCompiler shared;
  return shared;
}

std::vector<sock_filter> compiled(const oci::Seccomp& profile) {
  auto program = compiler().compile(profile);
  REQUIRE(program);
  return (*program)->instructions;
}

std::vector<sock_filter> default_filter(const std::vector<std::string>& capabilities = {"CAP_CHOWN"}) {
  return compiled(default_seccomp_profile(capabilities));
}

std::uint32_t verdict(const std::vector<sock_filter>& filter, long number,
                      std::vector<std::uint64_t> args = {}, std::uint32_t arch = AUDIT_ARCH_X86_64) {
  seccomp_data data{};
  data.nr = static_cast<int>(number);
  data.arch = arch;
  for (std::size_t i = 0; i < args.size(); ++i) data.args[i] = args[i];
  const auto result = test::bpf_eval(filter, data);
  REQUIRE(result);
  return *result;
}

oci::Seccomp profile_of(const std::string& json) {
  auto profile = parse_seccomp_profile(json, {});
  REQUIRE(profile);
  return *profile;
}

std::string error_of(const std::string& json) {
  auto profile = parse_seccomp_profile(json, {});
  if (!profile) return profile.error().to_string();
  auto program = compiler().compile(*profile);
  REQUIRE_FALSE(program);
  CHECK(program.error().code() == Code::kInvalidArgument);
  return program.error().to_string();
}

#if defined(__x86_64__)
TEST_CASE("the default profile allows what ordinary programs call", "[runtime][seccomp]") {
  const auto filter = default_filter();
  constexpr std::uint64_t kThread = 0x003d0f00;  // what pthread_create passes to clone
  for (long number : {SYS_read, SYS_openat, SYS_futex, SYS_execve, SYS_mmap, SYS_rt_sigreturn, SYS_exit_group,
                      SYS_epoll_wait, SYS_fork, SYS_getrandom, SYS_landlock_create_ruleset, SYS_ptrace}) {
    INFO(number);
    CHECK(verdict(filter, number) == kAllow);
  }
  CHECK(verdict(filter, SYS_clone, {kThread}) == kAllow);
  CHECK(verdict(filter, SYS_personality, {0xffffffff}) == kAllow);
  CHECK(verdict(filter, SYS_socket, {2 /* AF_INET */}) == kAllow);
}

TEST_CASE("the default profile refuses what makes namespaces, mounts or loads code into the kernel",
          "[runtime][seccomp]") {
  const auto filter = default_filter();
  for (long number :
       {SYS_mount, SYS_unshare, SYS_setns, SYS_keyctl, SYS_add_key, SYS_bpf, SYS_init_module, SYS_kexec_load,
        SYS_io_uring_setup, SYS_userfaultfd, SYS_pivot_root, SYS_reboot, SYS_open_by_handle_at, SYS_swapon,
        SYS_perf_event_open, SYS_process_vm_readv, SYS_chroot}) {
    INFO(number);
    CHECK(verdict(filter, number) == kDenied);
  }
  CHECK(verdict(filter, SYS_clone, {0x10000000 /* CLONE_NEWUSER */}) == kDenied);
  CHECK(verdict(filter, SYS_clone, {0x00020000 /* CLONE_NEWNS */ | 17}) == kDenied);
  CHECK(verdict(filter, SYS_personality, {0x0040000 /* ADDR_NO_RANDOMIZE */}) == kDenied);
  CHECK(verdict(filter, SYS_socket, {40 /* AF_VSOCK */}) == kDenied);
}

TEST_CASE("clone3 and system calls newer than the profile do not exist", "[runtime][seccomp]") {
  const auto filter = default_filter();
  CHECK(verdict(filter, SYS_clone3) == kMissing);
  CHECK(verdict(filter, 5000) == kMissing);
  CHECK(verdict(filter, 5000, {}, AUDIT_ARCH_I386) == kMissing);
  CHECK(verdict(filter, 0x40000000 | 5000) == kMissing);
}

TEST_CASE("the default profile allows system calls that are newer than libseccomp", "[runtime][seccomp]") {
  const auto filter = default_filter();
  // From cachestat to futex_requeue, mseal, and the extended attributes at a path. Some a patched library
  // knows.
  for (const int number : {451, 452, 453, 454, 455, 456, 462, 463, 464, 465, 466}) {
    INFO(number);
    CHECK(verdict(filter, number) == kAllow);
    if (number != 453) CHECK(verdict(filter, 0x40000000 | number) == kAllow);  // x32 has no shadow stacks
    CHECK(verdict(filter, number, {}, AUDIT_ARCH_I386) == kAllow);
    CHECK(verdict(filter, number, {}, AUDIT_ARCH_AARCH64) == SECCOMP_RET_KILL_PROCESS);
  }
  CHECK(verdict(filter, 450 /* set_mempolicy_home_node */) == kDenied);
  CHECK(verdict(filter, 467) == kMissing);
  CHECK(verdict(filter, SYS_mount) == kDenied);
  CHECK(verdict(filter, 0x40000000 | SYS_mount) == kDenied);
  CHECK(verdict(filter, SYS_clone3) == kMissing);
}

TEST_CASE("recent system calls have the same number wherever Linux counts them together",
          "[runtime][seccomp]") {
  for (const std::uint32_t arch : std::initializer_list<std::uint32_t>{AUDIT_ARCH_X86_64, AUDIT_ARCH_I386,
                                                                       AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM}) {
    CHECK(recent_syscall_number(arch, "set_mempolicy_home_node") == 450U);
    CHECK(recent_syscall_number(arch, "mseal") == 462U);
    CHECK(recent_syscall_number(arch, "removexattrat") == 466U);
  }
  CHECK_FALSE(recent_syscall_number(AUDIT_ARCH_MIPS64, "mseal"));
  CHECK_FALSE(recent_syscall_number(AUDIT_ARCH_X86_64, "read"));
  CHECK_FALSE(recent_syscall_number(AUDIT_ARCH_X86_64, ""));
}

TEST_CASE("verdicts other than the default's are given on system calls newer than libseccomp, too",
          "[runtime][seccomp]") {
  const auto filter = compiled(profile_of(
      R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mseal","mkdir"],"action":"SCMP_ACT_ERRNO"},)"
      R"({"names":["mseal"],"action":"SCMP_ACT_KILL"},)"
      R"({"names":["statmount"],"action":"SCMP_ACT_KILL","args":[{"index":0,"op":"SCMP_CMP_EQ"}]}]})"));
  CHECK(verdict(filter, 462 /* mseal */) == kDenied);
  CHECK(verdict(filter, SYS_mkdir) == kDenied);
  CHECK(verdict(filter, 461) == kAllow);
  CHECK(verdict(filter, 457 /* statmount, by its argument */) == kAllow);
  CHECK(verdict(filter, 463) == kAllow);
  CHECK(verdict(filter, 462, {}, AUDIT_ARCH_I386) == SECCOMP_RET_KILL_PROCESS);
}

TEST_CASE("a program of an architecture that is not in the profile is killed", "[runtime][seccomp]") {
  CHECK(verdict(default_filter(), SYS_read, {}, AUDIT_ARCH_AARCH64) == SECCOMP_RET_KILL_PROCESS);
  const auto native_only = compiled(profile_of(R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[]})"));
  CHECK(verdict(native_only, 3, {}, AUDIT_ARCH_I386) == SECCOMP_RET_KILL_PROCESS);
}

TEST_CASE("the default profile serves 32-bit programs", "[runtime][seccomp]") {
  const auto filter = default_filter();
  CHECK(verdict(filter, 3 /* read */, {}, AUDIT_ARCH_I386) == kAllow);
  CHECK(verdict(filter, 21 /* mount */, {}, AUDIT_ARCH_I386) == kDenied);
  CHECK(verdict(filter, 0x40000000 | SYS_read) == kAllow);
  CHECK(verdict(filter, 0x40000000 | SYS_mount) == kDenied);
}

TEST_CASE("capabilities unlock their system calls and no others", "[runtime][seccomp]") {
  const auto admin = default_filter({"CAP_SYS_ADMIN"});
  for (long number : {SYS_mount, SYS_unshare, SYS_setns, SYS_clone3, SYS_bpf, SYS_fsopen})
    CHECK(verdict(admin, number) == kAllow);
  CHECK(verdict(admin, SYS_clone, {0x10000000}) == kAllow);
  CHECK(verdict(admin, SYS_reboot) == kDenied);
  struct Unlocked {
    const char* capability;
    long number;
  };
  for (const Unlocked& unlocked :
       {Unlocked{"CAP_DAC_READ_SEARCH", SYS_open_by_handle_at}, Unlocked{"CAP_SYS_BOOT", SYS_reboot},
        Unlocked{"CAP_SYS_CHROOT", SYS_chroot}, Unlocked{"CAP_SYS_MODULE", SYS_init_module},
        Unlocked{"CAP_SYS_PACCT", SYS_acct}, Unlocked{"CAP_SYS_PTRACE", SYS_process_vm_readv},
        Unlocked{"CAP_SYS_RAWIO", SYS_iopl}, Unlocked{"CAP_SYS_TIME", SYS_clock_settime},
        Unlocked{"CAP_SYS_TTY_CONFIG", SYS_vhangup}, Unlocked{"CAP_SYS_NICE", SYS_mbind},
        Unlocked{"CAP_SYSLOG", SYS_syslog}, Unlocked{"CAP_BPF", SYS_bpf},
        Unlocked{"CAP_PERFMON", SYS_perf_event_open}}) {
    INFO(unlocked.capability);
    const auto filter = default_filter({unlocked.capability});
    CHECK(verdict(filter, unlocked.number) == kAllow);
    CHECK(verdict(filter, SYS_mount) == kDenied);
  }
}

TEST_CASE("a profile that allows by default gets no answer for new system calls", "[runtime][seccomp]") {
  const auto filter = compiled(profile_of(
      R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","errnoRet":13}]})"));
  CHECK(verdict(filter, 5000) == kAllow);
  CHECK(verdict(filter, SYS_mkdir) == (SECCOMP_RET_ERRNO | EACCES));
}

TEST_CASE("conditions on one argument twice are alternatives, on different ones they add up",
          "[runtime][seccomp]") {
  const auto filter = compiled(profile_of(R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[
    {"names":["personality"],"action":"SCMP_ACT_ALLOW","args":[
      {"index":0,"value":1,"op":"SCMP_CMP_EQ"},{"index":0,"value":2,"op":"SCMP_CMP_EQ"}]},
    {"names":["kill"],"action":"SCMP_ACT_ALLOW","args":[
      {"index":0,"value":7,"op":"SCMP_CMP_EQ"},{"index":1,"value":9,"op":"SCMP_CMP_LT"}]}]})"));
  CHECK(verdict(filter, SYS_personality, {1}) == kAllow);
  CHECK(verdict(filter, SYS_personality, {2}) == kAllow);
  CHECK(verdict(filter, SYS_personality, {3}) == kDenied);
  CHECK(verdict(filter, SYS_kill, {7, 8}) == kAllow);
  CHECK(verdict(filter, SYS_kill, {7, 9}) == kDenied);
}

TEST_CASE("rules of a profile are chosen by capability, architecture and kernel", "[runtime][seccomp]") {
  const std::string json = R"({"defaultAction":"SCMP_ACT_ERRNO",
    "archMap":[{"architecture":"SCMP_ARCH_AARCH64","subArchitectures":["SCMP_ARCH_ARM"]},
               {"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86"]}],
    "syscalls":[
      {"names":["mount"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_SYS_ADMIN"]}},
      {"names":["read"],"action":"SCMP_ACT_ALLOW","excludes":{"caps":["CAP_SYS_ADMIN"]}},
      {"names":["write"],"action":"SCMP_ACT_ALLOW","includes":{"arches":["amd64","x32"]}},
      {"name":"open","action":"SCMP_ACT_ALLOW","excludes":{"arches":["amd64"]}},
      {"names":["ptrace"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"4.8"}},
      {"names":["kcmp"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"400.0"}}]})";
  const auto plain = compiled(profile_of(json));
  CHECK(verdict(plain, SYS_mount) != kAllow);
  CHECK(verdict(plain, SYS_read) == kAllow);
  CHECK(verdict(plain, SYS_write) == kAllow);
  CHECK(verdict(plain, SYS_open) == kDenied);
  CHECK(verdict(plain, SYS_ptrace) == kAllow);
  CHECK(verdict(plain, SYS_kcmp) != kAllow);
  CHECK(verdict(plain, 4 /* write */, {}, AUDIT_ARCH_I386) == kAllow);
  auto admin = parse_seccomp_profile(json, {"CAP_SYS_ADMIN"});
  REQUIRE(admin);
  CHECK(verdict(compiled(*admin), SYS_mount) == kAllow);
  CHECK(verdict(compiled(*admin), SYS_read) == kDenied);
}
#endif

TEST_CASE("a seccomp profile that cannot be meant is refused, and named", "[runtime][seccomp]") {
  using Catch::Contains;
  CHECK_THAT(error_of("{"), Contains("seccomp profile"));
  CHECK_THAT(error_of("{}"), Contains("defaultAction"));
  CHECK_THAT(error_of(R"({"defaultAction":"SCMP_ACT_NOTIFY"})"), Contains("SCMP_ACT_NOTIFY"));
  CHECK_THAT(error_of(R"({"defaultAction":"ALLOW"})"), Contains("\"ALLOW\" is unknown"));
  CHECK_THAT(error_of(R"({"defaultAction":"SCMP_ACT_ALLOW","defaultErrnoRet":1})"), Contains("errnoRet"));
  CHECK_THAT(error_of(R"({"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_VAX"]})"),
             Contains("SCMP_ARCH_VAX"));
  CHECK_THAT(error_of(R"({"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_MAGIC"]})"),
             Contains("MAGIC"));
  CHECK_THAT(
      error_of(R"({"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]})"),
      Contains("WAIT_KILLABLE_RECV"));
  const auto rule = [](const std::string& text) {
    return R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[)" + text + "]}";
  };
  CHECK_THAT(error_of(rule(R"({"names":[""],"action":"SCMP_ACT_ERRNO"})")), Contains("without a name"));
  CHECK_THAT(error_of(rule(R"({"names":[],"action":"SCMP_ACT_ERRNO"})")), Contains("without names"));
  CHECK_THAT(error_of(rule(R"({"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"})")), Contains("listenerPath"));
  CHECK_THAT(error_of(rule(R"({"names":["write"],"action":"SCMP_ACT_NOTIFY"})")), Contains("for write"));
  CHECK_THAT(error_of(rule(R"({"names":["read"],"action":"SCMP_ACT_ERRNO","errnoRet":65536})")),
             Contains("65536"));
  CHECK_THAT(error_of(rule(
                 R"({"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{"index":6,"op":"SCMP_CMP_EQ"}]})")),
             Contains("above 5"));
  CHECK_THAT(error_of(rule(R"({"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"op":"=="}]})")),
             Contains("=="));
  CHECK_THAT(error_of(rule(R"({"names":["read"],"action":7})")),
             Contains("syscalls[0].action: 7 is not a string"));
}

TEST_CASE("system calls that nobody knows are left out of a profile", "[runtime][seccomp]") {
  CHECK(
      compiled(
          profile_of(
              R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["frobnicate","mkdir"],"action":"SCMP_ACT_ERRNO"}]})"))
          .size() > 1);
}

TEST_CASE("the same profile is compiled once", "[runtime][seccomp]") {
  SeccompCompiler own;
  const auto first = own.compile(default_seccomp_profile({}));
  const auto second = own.compile(default_seccomp_profile({}));
  const auto other = own.compile(default_seccomp_profile({"CAP_SYS_BOOT"}));
  REQUIRE(first);
  REQUIRE(other);
  CHECK(first->get() == second->get());
  CHECK(first->get() != other->get());
  CHECK((*first)->digest != (*other)->digest);
}

TEST_CASE("flags that are absent let the kernel skip a mitigation, an empty list does not",
          "[runtime][seccomp]") {
  oci::Seccomp profile;
  profile.default_action = "SCMP_ACT_ALLOW";
  const auto absent = compiler().compile(profile);
  profile.flags.emplace();
  const auto empty = compiler().compile(profile);
  profile.flags->push_back("SECCOMP_FILTER_FLAG_LOG");
  const auto log = compiler().compile(profile);
  REQUIRE((absent && empty && log));
  CHECK((*absent)->flags == SECCOMP_FILTER_FLAG_SPEC_ALLOW);
  CHECK((*empty)->flags == 0);
  CHECK((*log)->flags == SECCOMP_FILTER_FLAG_LOG);
}

TEST_CASE("the stub of an architecture without a named call is empty", "[runtime][seccomp]") {
  CHECK(enosys_stub({{.audit_arch = 1}}).empty());
  CHECK(enosys_stub({{.audit_arch = AUDIT_ARCH_X86_64, .has_x32_range = true}}).empty());
}

}  // namespace
}  // namespace berth::runtime
