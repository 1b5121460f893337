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

TEST_CASE("v1 cpu values are clamped, and a period comes before its quota", "[cgroup]") {
  oci::Resources resources;
  CHECK(v1("cpu", resources).empty());
  resources.cpu_shares = 1;
  CHECK(v1("cpu", resources) == "cpu.shares=2;");
  resources.cpu_shares = 1000000;
  resources.cpu_quota = -1;
  resources.cpu_period = 50000;
  CHECK(v1("cpu", resources) == "cpu.shares=262144;cpu.cfs_period_us=50000;cpu.cfs_quota_us=-1;");
  CHECK(v1_settings("cpu", resources, {})->at(1).retry_after_next);
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
  refused([](oci::Resources& r) { r.unified = {{"cgroup.procs", "1"}}; }, "cgroup.procs");
  refused([](oci::Resources& r) { r.unified = {{"../memory.max", "1"}}; }, "../memory.max");
  refused([](oci::Resources& r) { r.unified = {{"a/memory.max", "1"}}; }, "a/memory.max");
  refused([](oci::Resources& r) { r.unified = {{"memory", "1"}}; }, "\"memory\"");
  refused([](oci::Resources& r) { r.unified = {{"", "1"}}; }, "\"\"");
}
