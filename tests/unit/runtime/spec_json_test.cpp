// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "plan_fixture.hpp"
#include "runtime/oci/spec_json.hpp"

namespace berth::oci {
namespace {

void add_extras(Spec& spec) {
  spec.process.scheduler = Scheduler{"SCHED_DEADLINE", {}, {}, {"SCHED_FLAG_RECLAIM"}, 1, 2, 3};
  spec.process.io_priority = IoPriority{"IOPRIO_CLASS_BE", 4};
  spec.process.exec_cpu_affinity = CpuAffinity{"0", "1-2"};
  spec.mounts[4].uid_mappings = spec.mounts[4].gid_mappings = {{0, 5, 1}};
  spec.linux_.uid_mappings = {{0, 100000, 65536}, {70000, 0, 1}};
  spec.linux_.gid_mappings = {{0, 200000, 65536}};
  spec.linux_.time_offsets = {{"boottime", {-5, 7}}};
  spec.linux_.net_devices = {{"eth0", "inner"}, {"eth1", ""}};
  spec.linux_.personality = Personality{"LINUX32", {}};
  spec.linux_.memory_policy = MemoryPolicy{"MPOL_BIND", "0", {"MPOL_F_STATIC_NODES"}};
  spec.linux_.intel_rdt = IntelRdt{"guest", {"MB:0=20"}, "L3:0=f", "MB:0=10", true};
}

Spec full_spec() {
  Spec spec = test::small_spec();
  spec.hostname = "web";
  spec.domainname = "example";
  spec.annotations = {{"a/b", "c"}, {"empty", ""}};
  spec.process.terminal = true;
  spec.process.console_size = ConsoleSize{24, 80};
  spec.process.user = {1000, 100, 0027, {1, 2}};
  spec.process.capabilities->ambient = {"CAP_KILL"};
  spec.process.oom_score_adj = -5;
  spec.process.rlimits = {{"RLIMIT_CORE", 0, UINT64_MAX}};
  spec.process.selinux_label = "label";
  spec.process.apparmor_profile = "profile";
  spec.linux_.devices = {{"/dev/fuse", 'c', 10, 229, 0666, 0, 5}};
  spec.linux_.cgroups_path = "/kubepods/x";
  spec.linux_.namespaces.push_back({NamespaceType::kNetwork, "/run/netns/x"});
  spec.linux_.sysctl = {{"net.ipv4.ip_forward", "1"}};
  Resources& limits = spec.linux_.resources;
  limits.cpu_shares = 1024;
  limits.cpu_quota = -1;
  limits.cpu_period = 100000;
  limits.cpuset_cpus = "0-1";
  limits.memory_limit = 1 << 30;
  limits.memory_swap = -1;
  limits.pids_limit = 0;
  limits.hugepages = {{"2MB", 1ULL << 40}};
  limits.devices = {{false, 'a', std::nullopt, std::nullopt, "rwm"}, {true, 'c', 1, std::nullopt, "rw"}};
  limits.unified = {{"memory.high", "max"}};
  limits.cpu_burst = 0;
  limits.cpu_idle = 1;
  limits.cpu_rt_runtime = -1;
  limits.cpu_rt_period = 9;
  limits.memory_kernel = -1;
  limits.memory_kernel_tcp = 7;
  limits.memory_swappiness = 0;
  limits.memory_disable_oom_killer = false;
  limits.memory_use_hierarchy = true;
  limits.memory_check_before_update = true;
  limits.block_io = {500,         10,         {{8, 0, 10, {}}, {8, 1, {}, 20}}, {{8, 0, 1}}, {{8, 0, 2}},
                     {{8, 0, 3}}, {{8, 0, 4}}};
  limits.network_class = 0;
  limits.network_priorities = {{"lo", 5}};
  limits.rdma = {{"mlx", {1, {}}}, {"other", {}}};
  Seccomp& seccomp = spec.linux_.seccomp.emplace();
  seccomp.default_action = "SCMP_ACT_ERRNO";
  seccomp.default_errno_ret = 38;
  seccomp.architectures = {"SCMP_ARCH_X86_64"};
  seccomp.flags.emplace();
  seccomp.listener_path = "/run/agent.sock";
  seccomp.listener_metadata = "m";
  add_extras(spec);
  seccomp.syscalls = {{{"clone"}, "SCMP_ACT_ALLOW", 1, {{0, UINT64_MAX, 7, "SCMP_CMP_MASKED_EQ"}}}};
  return spec;
}

std::string refused(const std::string& text) {
  const auto spec = parse_spec(text);
  REQUIRE_FALSE(spec);
  CHECK(spec.error().code() == Code::kInvalidArgument);
  return spec.error().to_string();
}

TEST_CASE("a spec survives being written and read", "[runtime][spec]") {
  const Json written = to_json(full_spec());
  const auto read = parse_spec(to_text(written));
  REQUIRE(read);
  CHECK(to_json(*read) == written);
  CHECK(read->process.user.umask == 0027U);
  CHECK(read->process.oom_score_adj == -5);
  CHECK(read->linux_.resources.hugepages[0].limit == 1ULL << 40);
  CHECK(read->linux_.resources.pids_limit == 0);
  CHECK(read->linux_.seccomp->flags == std::vector<std::string>());
  CHECK(read->linux_.seccomp->syscalls[0].args[0].value == UINT64_MAX);
  CHECK(read->linux_.namespaces.back().path == "/run/netns/x");
  CHECK(read->linux_.uid_mappings.at(1).container_id == 70000);
  CHECK(read->linux_.time_offsets.at("boottime").seconds == -5);
  CHECK(read->linux_.net_devices.at("eth0") == "inner");
  CHECK(read->process.scheduler->deadline == 2U);
  CHECK(read->mounts[4].gid_mappings.at(0).host_id == 5);
}

TEST_CASE("what a spec leaves out keeps its default", "[runtime][spec]") {
  const auto spec = parse_spec(R"({"process":{"args":["x"],"oomScoreAdj":null}})");
  REQUIRE(spec);
  CHECK(spec->process.cwd == "/");
  CHECK_FALSE(spec->process.capabilities);
  CHECK_FALSE(spec->process.oom_score_adj);
  CHECK_FALSE(spec->linux_.seccomp);
}

TEST_CASE("members that nobody knows are ignored", "[runtime][spec]") {
  CHECK(parse_spec(R"({"ociVersion":"9.9.9","future":{"x":1},"linux":{"future":[1]}})"));
}

TEST_CASE("what would change the container and is not built is refused, its empty form is not",
          "[runtime][spec]") {
  CHECK_THAT(refused(R"({"hooks":{"prestart":[{"path":7}]}})"), Catch::Contains("hooks.prestart[0].path"));
  CHECK_THAT(refused(R"({"linux":{"mountLabel":7}})"), Catch::Contains("linux.mountLabel"));
  CHECK(parse_spec(R"({"hooks":{},"linux":{"uidMappings":[],"mountLabel":""}})"));
}

TEST_CASE("a wrong type or range is told with its path and value", "[runtime][spec]") {
  struct Case {
    const char* text;
    const char* expected;
  };
  for (const Case& item : {
           Case{"[]", "is not an object"},
           Case{"{", "config.json"},
           Case{R"({"hostname":5})", "hostname: 5 is not a string"},
           Case{R"({"process":[]})", "process: [] is not an object"},
           Case{R"({"process":{"user":{"uid":-1}}})", "process.user.uid: -1 is not a whole number"},
           Case{R"({"process":{"user":{"uid":4294967296}}})", "process.user.uid: 4294967296"},
           Case{R"({"process":{"user":{"uid":"0"}}})", "process.user.uid: \"0\""},
           Case{R"({"process":{"user":{"uid":1.0}}})", "process.user.uid: 1.0"},
           Case{R"({"process":{"user":{"additionalGids":[1,true]}}})",
                "process.user.additionalGids[1]: true"},
           Case{R"({"process":{"args":["a",7]}})", "process.args[1]: 7"},
           Case{R"({"process":{"args":"ls"}})", "process.args: \"ls\" is not an array"},
           Case{R"({"process":{"terminal":1}})", "process.terminal: 1"},
           Case{R"({"process":{"consoleSize":{"height":65536}}})", "height: 65536"},
           Case{R"({"mounts":[{"destination":"/a"},{"destination":false}]})", "mounts[1].destination: false"},
           Case{R"({"linux":{"namespaces":[{"type":"planet"}]}})", "linux.namespaces[0].type: \"planet\""},
           Case{R"({"linux":{"namespaces":[{}]}})", "linux.namespaces[0].type"},
           Case{R"({"linux":{"devices":[{"type":"cc"}]}})", "linux.devices[0].type"},
           Case{R"({"linux":{"sysctl":{"a":1}}})", "linux.sysctl.a: 1"},
           Case{R"({"linux":{"resources":{"memory":{"limit":9223372036854775808}}}})",
                "memory.limit: 9223372036854775808"},
           Case{R"({"linux":{"resources":{"blockIO":{"weight":65536}}}})", "blockIO.weight: 65536"},
           Case{R"({"linux":{"resources":{"rdma":{"mlx":5}}}})", "rdma.mlx: 5 is not an object"},
           Case{R"({"linux":{"resources":{"rdma":{"mlx":{"hcaHandles":-1}}}}})", "rdma.mlx.hcaHandles: -1"},
           Case{R"({"linux":{"resources":{"devices":[{"type":"cc"}]}}})", "devices[0].type"},
           Case{R"({"linux":{"resources":{"memory":{"disableOOMKiller":1}}}})", "disableOOMKiller: 1"},
           Case{R"({"annotations":[]})", "annotations"},
           Case{R"({"linux":{"uidMappings":[{"hostID":4294967296}]}})", "linux.uidMappings[0].hostID"},
           Case{R"({"linux":{"timeOffsets":{"boottime":{"nanosecs":-1}}}})",
                "linux.timeOffsets.boottime.nanosecs"},
           Case{R"({"linux":{"netDevices":{"eth0":[]}}})", "linux.netDevices.eth0"},
           Case{R"({"process":{"scheduler":{"nice":"high"}}})", "process.scheduler.nice"},
       }) {
    INFO(item.text);
    CHECK_THAT(refused(item.text), Catch::Contains(item.expected));
  }
}

TEST_CASE("a long wrong value is cut in the message", "[runtime][spec]") {
  CHECK(refused(R"({"hostname":[")" + std::string(100000, 'x') + "\"]}").size() < 200);
}

TEST_CASE("a process is read by itself", "[runtime][spec]") {
  const auto process = parse_process(R"({"args":["ls"],"user":{"uid":7,"gid":8},"cwd":"/tmp"})");
  REQUIRE(process);
  CHECK(process->user.uid == 7);
  CHECK_THAT(parse_process(R"({"user":{"uid":-7}})").error().to_string(),
             Catch::Contains("process.user.uid"));
}

}  // namespace
}  // namespace berth::oci
