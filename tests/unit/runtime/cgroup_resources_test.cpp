// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "runtime/cgroup/cgroup1.hpp"
#include "runtime/cgroup/cgroup2.hpp"
#include "runtime/cgroup/resources.hpp"

using namespace berth;
using namespace berth::runtime::cgroup;

namespace {

std::string v1(std::string_view controller, const oci::Resources& resources,
               const MemoryBefore& before = {}) {
  const auto settings = v1_settings(controller, resources, before);
  if (!settings) return settings.error().to_string();
  std::string text;
  for (const Setting& setting : *settings) text += setting.file + "=" + setting.value + ";";
  return text;
}

std::string v2(std::string_view controller, const oci::Resources& resources,
               std::string_view cpu_max = "max 100000") {
  const auto settings = v2_settings(controller, resources, cpu_max);
  if (!settings) return settings.error().to_string();
  std::string text;
  for (const Setting& setting : *settings) text += setting.file + "=" + setting.value + ";";
  return text;
}

oci::Resources memory(std::int64_t limit, std::int64_t swap) {
  oci::Resources resources;
  if (limit != 0) resources.memory_limit = limit;
  if (swap != 0) resources.memory_swap = swap;
  return resources;
}

}  // namespace

TEST_CASE("shares become weights by the quadratic formula", "[cgroup]") {
  CHECK(weight_of_shares(0) == 0);
  CHECK(weight_of_shares(1) == 1);
  CHECK(weight_of_shares(2) == 1);
  CHECK(weight_of_shares(1024) == 100);
  CHECK(weight_of_shares(262144) == 10000);
  CHECK(weight_of_shares(300000) == 10000);
  std::uint64_t last = 0;
  for (std::uint64_t shares = 2; shares <= 262144; shares += 37) {
    const std::uint64_t weight = weight_of_shares(shares);
    REQUIRE(weight >= last);
    REQUIRE(weight <= 10000);
    last = weight;
  }
}

TEST_CASE("memory+swap needs a limit and is never below it", "[cgroup]") {
  CHECK_FALSE(memory_limits(memory(0, 100)));
  CHECK_FALSE(memory_limits(memory(-1, 100)));
  CHECK_FALSE(memory_limits(memory(200, 100)));
  CHECK(memory_limits(memory(200, 100)).error().code() == Code::kInvalidArgument);
  CHECK(memory_limits(memory(-1, 0))->memory_plus_swap == -1);
  CHECK_FALSE(memory_limits(memory(5, 0))->memory_plus_swap);
  CHECK(memory_limits(memory(0, -1))->memory_plus_swap == -1);
  CHECK(memory_limits(memory(100, 100)));
}

TEST_CASE("v1 cpu values come in the order that the kernel takes", "[cgroup]") {
  oci::Resources resources;
  CHECK(v1("cpu", resources).empty());
  resources.cpu_shares = 1;
  CHECK(v1("cpu", resources) == "cpu.shares=1;");
  CHECK(v1_settings("cpu", resources, {})->at(0).read_back == ReadBack::kSame);
  resources.cpu_shares = 512;
  resources.cpu_quota = -1;
  resources.cpu_period = 50000;
  resources.cpu_burst = 7;
  resources.cpu_idle = 0;
  resources.cpu_rt_period = 9;
  resources.cpu_rt_runtime = 8;
  CHECK(v1("cpu", resources) ==
        "cpu.rt_period_us=9;cpu.rt_runtime_us=8;cpu.idle=0;cpu.shares=512;cpu.cfs_burst_us=7;"
        "cpu.cfs_period_us=50000;cpu.cfs_quota_us=-1;");
  const auto settings = v1_settings("cpu", resources, {});
  CHECK(settings->at(0).may_come_later);
  CHECK_FALSE(settings->at(1).may_come_later);
  CHECK(settings->at(4).may_come_later);
  CHECK(settings->at(5).may_come_later);
  CHECK_FALSE(settings->at(6).may_come_later);  // nothing comes behind it
  resources = {};
  resources.cpu_burst = 0;  // a real value: no burst
  CHECK(v1("cpu", resources) == "cpu.cfs_burst_us=0;");
  CHECK_FALSE(v1_settings("cpu", resources, {})->at(0).may_come_later);
}

TEST_CASE("an idle group is given no weight", "[cgroup]") {
  oci::Resources resources;
  resources.cpu_shares = 1024;
  resources.cpu_idle = 1;
  CHECK(v1("cpu", resources) == "cpu.idle=1;");
  CHECK(v2("cpu", resources) == "cpu.idle=1;");
  resources.cpu_idle = 0;
  CHECK(v2("cpu", resources) == "cpu.idle=0;cpu.weight=100;");
}

TEST_CASE("v2 burst waits for its quota", "[cgroup]") {
  oci::Resources resources;
  resources.cpu_burst = 20;
  CHECK(v2("cpu", resources) == "cpu.max.burst=20;");
  CHECK_FALSE(v2_settings("cpu", resources, "")->at(0).may_come_later);
  resources.cpu_quota = 100;
  CHECK(v2("cpu", resources) == "cpu.max.burst=20;cpu.max=100;");
  CHECK(v2_settings("cpu", resources, "")->at(0).may_come_later);
}

TEST_CASE("what cgroup v2 does not have is refused by name", "[cgroup]") {
  const auto refused = [](std::string_view controller, auto&& change, const std::string& words) {
    oci::Resources resources;
    change(resources);
    REQUIRE(check_resources(resources));
    const auto settings = v2_settings(controller, resources, "");
    INFO(words);
    REQUIRE_FALSE(settings);
    CHECK(settings.error().code() == Code::kFailedPrecondition);
    CHECK_THAT(settings.error().to_string(), Catch::Contains(words));
  };
  refused(
      "cpu", [](oci::Resources& r) { r.cpu_rt_runtime = 5; }, "realtime");
  refused(
      "cpu", [](oci::Resources& r) { r.cpu_rt_period = 5; }, "realtime");
  refused(
      "memory", [](oci::Resources& r) { r.memory_kernel = 5; }, "kernel memory limit");
  refused(
      "memory", [](oci::Resources& r) { r.memory_kernel_tcp = 5; }, "kernel TCP memory");
  refused(
      "memory", [](oci::Resources& r) { r.memory_swappiness = 0; }, "swappiness");
  refused(
      "memory", [](oci::Resources& r) { r.memory_disable_oom_killer = true; }, "OOM killer");
  refused(
      "memory", [](oci::Resources& r) { r.memory_use_hierarchy = false; }, "counted in its parent");
  refused(
      "io", [](oci::Resources& r) { r.block_io.leaf_weight = 10; }, "leaf weight");
  refused(
      "io",
      [](oci::Resources& r) {
        r.block_io.weight_devices = {{8, 0, {}, 20}};
      },
      "leaf weight");
  oci::Resources harmless;
  harmless.memory_kernel = -1;
  harmless.memory_disable_oom_killer = false;
  harmless.memory_use_hierarchy = true;
  CHECK(v2("memory", harmless).empty());
}

TEST_CASE("v1 memory policies are written to their own files", "[cgroup]") {
  oci::Resources resources;
  resources.memory_kernel = 1;
  resources.memory_kernel_tcp = 2;
  resources.memory_swappiness = 0;
  resources.memory_disable_oom_killer = true;
  resources.memory_use_hierarchy = true;
  CHECK(v1("memory", resources) ==
        "memory.kmem.limit_in_bytes=1;memory.kmem.tcp.limit_in_bytes=2;memory.swappiness=0;"
        "memory.use_hierarchy=1;memory.oom_control=1;");
}

TEST_CASE("block IO has a file per version and scheduler, and a line per device", "[cgroup]") {
  oci::Resources resources;
  resources.block_io.weight = 500;
  resources.block_io.weight_devices = {{8, 16, 1000, {}}};
  resources.block_io.read_bps = {{8, 0, 100}};
  resources.block_io.write_bps = {{8, 0, 200}};
  resources.block_io.read_iops = {{8, 0, 0}};
  resources.block_io.write_iops = {{259, 1, 400}};
  CHECK(v1("blkio", resources) ==
        "blkio.weight=500;blkio.weight_device=8:16 1000;blkio.throttle.read_bps_device=8:0 100;"
        "blkio.throttle.write_bps_device=8:0 200;blkio.throttle.read_iops_device=8:0 0;"
        "blkio.throttle.write_iops_device=259:1 400;");
  CHECK(v1_settings("blkio", resources, {})->at(0).other_file == "blkio.bfq.weight");
  CHECK(v1_settings("blkio", resources, {})->at(1).other_file == "blkio.bfq.weight_device");
  CHECK(v2("io", resources) ==
        "io.bfq.weight=default 500;io.bfq.weight=8:16 1000;io.max=8:0 rbps=100;io.max=8:0 wbps=200;"
        "io.max=8:0 riops=max;io.max=259:1 wiops=400;");
  const auto settings = v2_settings("io", resources, "");
  CHECK(settings->at(0).other_file == "io.weight");
  CHECK(settings->at(0).other_value == "default 4950");
  CHECK(settings->at(1).other_value == "8:16 10000");
  CHECK(io_weight_of(10) == 1);
}

TEST_CASE("network and rdma limits have one line per interface and device", "[cgroup]") {
  oci::Resources resources;
  resources.network_class = 0x100001;
  resources.network_priorities = {{"lo", 500}, {"eth0", 1}};
  resources.rdma = {{"mlx5_0", {3, {}}}, {"mlx5_1", {{}, 4}}, {"none", {}}};
  CHECK(v1("net_cls", resources) == "net_cls.classid=1048577;");
  CHECK(v1("net_prio", resources) == "net_prio.ifpriomap=lo 500;net_prio.ifpriomap=eth0 1;");
  CHECK(v1("rdma", resources) == "rdma.max=mlx5_0 hca_handle=3;rdma.max=mlx5_1 hca_object=4;");
  CHECK(v2("rdma", resources) == v1("rdma", resources));
}

TEST_CASE("a list is covered when each of its numbers is in the other", "[cgroup]") {
  CHECK(covers_list("0-3,8", "1-2,8"));
  CHECK(covers_list("0-1,2-3", "0-3"));
  CHECK_FALSE(covers_list("0-3", "3-4"));
  CHECK_FALSE(covers_list("", "0"));
}

TEST_CASE("v1 memory limits are written in the order that the kernel takes", "[cgroup]") {
  // A fresh group: everything is unlimited, the limit must go first.
  CHECK(v1("memory", memory(100, 200)) == "memory.limit_in_bytes=100;memory.memsw.limit_in_bytes=200;");
  // Raised above the old memory+swap: that has to move first.
  CHECK(v1("memory", memory(500, 900), {100, 200}) ==
        "memory.memsw.limit_in_bytes=900;memory.limit_in_bytes=500;");
  CHECK(v1("memory", memory(-1, -1), {100, 200}) ==
        "memory.memsw.limit_in_bytes=-1;memory.limit_in_bytes=-1;");
  // Lowered, or raised within it.
  CHECK(v1("memory", memory(50, 60), {100, 200}) ==
        "memory.limit_in_bytes=50;memory.memsw.limit_in_bytes=60;");
  CHECK(v1("memory", memory(150, 150), {100, 200}) ==
        "memory.limit_in_bytes=150;memory.memsw.limit_in_bytes=150;");
}

TEST_CASE("v1 swap files may only be missing where that changes nothing", "[cgroup]") {
  CHECK(v1_settings("memory", memory(100, 100), {})->at(1).may_be_missing);
  CHECK(v1_settings("memory", memory(-1, 0), {})->at(1).may_be_missing);
  CHECK_FALSE(v1_settings("memory", memory(100, 150), {})->at(1).may_be_missing);
}

TEST_CASE("v2 swap is what is allowed beyond the memory limit", "[cgroup]") {
  CHECK(v2("memory", memory(100, 150)) == "memory.swap.max=50;memory.max=100;");
  CHECK(v2("memory", memory(100, 100)) == "memory.swap.max=0;memory.max=100;");
  CHECK(v2("memory", memory(-1, 0)) == "memory.swap.max=max;memory.max=max;");
  CHECK(v2("memory", memory(100, 0)) == "memory.max=100;");
  CHECK(v2("memory", memory(0, -1)) == "memory.swap.max=max;");
  CHECK(v2_settings("memory", memory(100, 100), "")->at(0).may_be_missing);
  CHECK_FALSE(v2_settings("memory", memory(100, 150), "")->at(0).may_be_missing);
  oci::Resources reserved;
  reserved.memory_reservation = 77;
  CHECK(v2("memory", reserved) == "memory.low=77;");
}

TEST_CASE("v2 cpu.max keeps the half that is not given", "[cgroup]") {
  oci::Resources resources;
  resources.cpu_quota = 5000;
  CHECK(v2("cpu", resources) == "cpu.max=5000;");
  resources.cpu_period = 20000;
  CHECK(v2("cpu", resources) == "cpu.max=5000 20000;");
  resources.cpu_quota.reset();
  CHECK(v2("cpu", resources, "7000 100000") == "cpu.max=7000 20000;");
  CHECK(v2("cpu", resources, "") == "cpu.max=max 20000;");
  resources.cpu_quota = -1;
  CHECK(v2("cpu", resources, "7000 100000") == "cpu.max=max 20000;");
  resources = {};
  resources.cpu_shares = 1024;
  CHECK(v2("cpu", resources) == "cpu.weight=100;");
}

TEST_CASE("pids and huge pages are told in each version's words", "[cgroup]") {
  oci::Resources resources;
  resources.pids_limit = 0;
  CHECK(v1("pids", resources) == "pids.max=1;");
  CHECK(v2("pids", resources) == "pids.max=1;");
  resources.pids_limit = -1;
  CHECK(v1("pids", resources) == "pids.max=max;");
  CHECK(v2("pids", resources) == "pids.max=max;");
  resources.pids_limit = 42;
  CHECK(v2("pids", resources) == "pids.max=42;");
  resources.hugepages = {{"2MB", 4194304}};
  CHECK(v1("hugetlb", resources) ==
        "hugetlb.2MB.limit_in_bytes=4194304;hugetlb.2MB.rsvd.limit_in_bytes=4194304;");
  CHECK(v2("hugetlb", resources) == "hugetlb.2MB.max=4194304;hugetlb.2MB.rsvd.max=4194304;");
}

TEST_CASE("CPU lists follow the kernel's syntax", "[cgroup]") {
  for (const char* text : {"", ",", "0,", ",0", "3-1", "0-", "-1", "a", "0 1", "0-3-5", "0--3", "99999999999",
                           "70000", "0\n", "0-3/2"}) {
    INFO(text);
    CHECK_FALSE(parse_cpu_list(text));
  }
  const auto list = parse_cpu_list("0-3,5,7-7");
  REQUIRE(list);
  CHECK(*list == std::vector<std::pair<unsigned, unsigned>>{{0, 3}, {5, 5}, {7, 7}});
}

TEST_CASE("resources that no kernel takes are refused by name and value", "[cgroup]") {
  const auto refused = [](auto&& change, const std::string& words) {
    oci::Resources resources;
    change(resources);
    const auto checked = check_resources(resources);
    REQUIRE_FALSE(checked);
    CHECK(checked.error().code() == Code::kInvalidArgument);
    INFO(checked.error().to_string());
    CHECK(checked.error().to_string().find(words) != std::string::npos);
  };
  refused([](oci::Resources& r) { r.cpuset_cpus = "0-x"; }, "cpuset cpus \"0-x\"");
  refused([](oci::Resources& r) { r.cpuset_mems = "1,,2"; }, "cpuset mems \"1,,2\"");
  refused([](oci::Resources& r) { r.memory_limit = -2; }, "memory limit \"-2\"");
  refused([](oci::Resources& r) { r.cpu_quota = -5; }, "cpu quota \"-5\"");
  refused([](oci::Resources& r) { r.hugepages = {{"../2MB", 1}}; }, "huge page size \"../2MB\"");
  refused([](oci::Resources& r) { r.hugepages = {{"2TB", 1}}; }, "2TB");
  refused([](oci::Resources& r) { r.hugepages = {{"2MB", 1}, {"2MB", 2}}; }, "\"2MB\" is limited twice");
  refused([](oci::Resources& r) { r.cpu_idle = 2; }, "cpu idle \"2\"");
  refused([](oci::Resources& r) { r.cpu_rt_runtime = -2; }, "realtime runtime \"-2\"");
  refused([](oci::Resources& r) { r.memory_kernel = -2; }, "kernel memory limit \"-2\"");
  refused([](oci::Resources& r) { r.memory_swappiness = 101; }, "swappiness \"101\"");
  refused([](oci::Resources& r) { r.pids_limit = -2; }, "pids limit \"-2\"");
  refused([](oci::Resources& r) { r.block_io.weight = 9; }, "block IO weight \"9\"");
  refused([](oci::Resources& r) { r.block_io.weight = 1001; }, "block IO weight \"1001\"");
  refused([](oci::Resources& r) { r.block_io.read_bps = {{-1, 0, 5}}; }, "-1:0");
  refused(
      [](oci::Resources& r) {
        r.block_io.write_iops = {{8, 0, 5}, {8, 0, 6}};
      },
      "8:0\" is limited twice");
  refused([](oci::Resources& r) { r.network_priorities = {{"e\nth0", 5}}; }, "network interface");
  refused([](oci::Resources& r) { r.network_priorities = {{"", 5}}; }, "network interface");
  refused([](oci::Resources& r) { r.rdma = {{"mlx 0", {1, 1}}}; }, "rdma device \"mlx 0\"");
  refused([](oci::Resources& r) { r.devices = {{true, 'u', 1, 3, "rwm"}}; }, "u 1:3");
  refused([](oci::Resources& r) { r.unified = {{"cgroup.procs", "1"}}; }, "cgroup.procs");
  refused([](oci::Resources& r) { r.unified = {{"../memory.max", "1"}}; }, "../memory.max");
  refused([](oci::Resources& r) { r.unified = {{"a/memory.max", "1"}}; }, "a/memory.max");
  refused([](oci::Resources& r) { r.unified = {{"memory", "1"}}; }, "\"memory\"");
  refused([](oci::Resources& r) { r.unified = {{"", "1"}}; }, "\"\"");
}
