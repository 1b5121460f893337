// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <cstdio>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "cgroup_sandbox.hpp"
#include "runtime/cgroup/detailed_stats.hpp"

// The rarer limits against the kernel that this runs on. What it does not have must be refused by name.

using namespace berth;
using namespace berth::runtime::cgroup;
using berth::testing::Sandbox;

namespace {

std::string told(const Result<void>& result) {
  return result ? std::string("done") : result.error().to_string();
}

/// "254:0" of the first block device that the machine has; empty: none.
std::string first_disk() {
  const auto text = read_file("/proc/partitions", 1U << 16U);
  unsigned major = 0;
  unsigned minor = 0;
  const std::size_t line = text ? text->find("\n\n") : std::string::npos;
  if (line == std::string::npos || std::sscanf(text->c_str() + line, "%u %u", &major, &minor) != 2) return {};
  return cat(major, ":", minor);
}

oci::ThrottleDevice throttle(const std::string& device, std::uint64_t rate) {
  const std::size_t colon = device.find(':');
  return {std::stol(device), std::stol(device.substr(colon + 1)), rate};
}

}  // namespace

TEST_CASE("burst, quota and period reach the kernel in every direction") {
  Sandbox box;
  oci::Resources limits;
  limits.cpu_quota = 5000;
  limits.cpu_period = 100000;
  box.create(limits);
  const std::string burst = box.is_v1("cpu") ? "cpu.cfs_burst_us" : "cpu.max.burst";
  limits.cpu_quota = 40000;
  limits.cpu_burst = 20000;  // more than the old quota
  CHECK(told(box.manager->update(box.group, limits)) == "done");
  CHECK(box.read("cpu", burst) == "20000");
  limits.cpu_quota = 10000;  // less than the old burst
  limits.cpu_burst = 1000;
  CHECK(told(box.manager->update(box.group, limits)) == "done");
  CHECK(box.read("cpu", burst) == "1000");
  limits.cpu_burst = 30000;
  const auto refused = box.manager->update(box.group, limits);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Code::kInvalidArgument);
  CHECK(box.read("cpu", burst) == "1000");
}

TEST_CASE("an idle group can be given shares again") {
  Sandbox box;
  oci::Resources limits;
  limits.cpu_idle = 1;
  limits.cpu_shares = 512;
  box.create(limits);
  CHECK(box.read("cpu", "cpu.idle") == "1");
  limits.cpu_idle = 0;
  CHECK(told(box.manager->update(box.group, limits)) == "done");
  CHECK(box.read("cpu", "cpu.idle") == "0");
  if (box.is_v1("cpu")) CHECK(box.read("cpu", "cpu.shares") == "512");
}

TEST_CASE("shares beyond what the kernel knows are refused where it would clamp them") {
  Sandbox box;
  box.create();
  oci::Resources limits;
  limits.cpu_shares = 1000000;
  const auto updated = box.manager->update(box.group, limits);
  if (!box.is_v1("cpu")) {
    CHECK(box.read("cpu", "cpu.weight") == "10000");
    return;
  }
  REQUIRE_FALSE(updated);
  CHECK(updated.error().code() == Code::kInvalidArgument);
  CHECK_THAT(told(updated), Catch::Contains("the kernel made it \"262144\""));
  CHECK(box.read("cpu", "cpu.shares") == "1024");
}

TEST_CASE("memory policies are v1's, and refused by name elsewhere") {
  Sandbox box;
  box.create();
  oci::Resources limits;
  limits.memory_swappiness = 10;
  limits.memory_disable_oom_killer = true;
  limits.memory_use_hierarchy = true;
  const auto updated = box.manager->update(box.group, limits);
  if (!box.is_v1("memory")) {
    CHECK(updated.error().code() == Code::kFailedPrecondition);
    return;
  }
  CHECK(told(updated) == "done");
  CHECK(box.read("memory", "memory.swappiness") == "10");
  CHECK_THAT(box.read("memory", "memory.oom_control"), Catch::Contains("oom_kill_disable 1"));
  limits.memory_disable_oom_killer = false;
  limits.memory_swappiness = 20;
  limits.cpu_period = 1;  // refused, after the others if those came first
  CHECK_FALSE(box.manager->update(box.group, limits));
  CHECK(box.read("memory", "memory.swappiness") == "10");
  CHECK_THAT(box.read("memory", "memory.oom_control"), Catch::Contains("oom_kill_disable 1"));
}

TEST_CASE("a disk is throttled, and a disk that is not there is refused") {
  Sandbox box;
  box.create();
  const std::string disk = first_disk();
  const bool has_io = box.manager->has_controller("blkio") || box.manager->has_controller("io");
  if (disk.empty() || !has_io) {
    WARN("no disk, or no controller for disks");
    return;
  }
  const bool v1 = box.manager->has_controller("blkio");
  const auto file = [&] {
    return v1 ? box.read("blkio", "blkio.throttle.read_bps_device") : box.read("io", "io.max");
  };
  oci::Resources limits;
  limits.block_io.read_bps = {throttle(disk, 1 << 20)};
  CHECK(told(box.manager->update(box.group, limits)) == "done");
  CHECK_THAT(file(), Catch::Contains(disk) && Catch::Contains("1048576"));
  oci::Resources both = limits;
  both.block_io.read_bps[0].rate = 1 << 21;
  both.block_io.write_bps = {throttle("4095:1048575", 5)};
  const auto refused = box.manager->update(box.group, both);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Code::kInvalidArgument);
  CHECK_THAT(file(), Catch::Contains("1048576"));
  limits.block_io.read_bps[0].rate = 0;
  CHECK(told(box.manager->update(box.group, limits)) == "done");
  CHECK(file().find("1048576") == std::string::npos);
}

TEST_CASE("a weight is written where the kernel schedules disks by weight, else refused by name") {
  Sandbox box;
  box.create();
  oci::Resources limits;
  limits.block_io.weight = 500;
  const auto updated = box.manager->update(box.group, limits);
  if (updated) return;
  CHECK(updated.error().code() == Code::kFailedPrecondition);
  CHECK_THAT(told(updated), Catch::Contains("weight") || Catch::Contains("controller"));
}

TEST_CASE("a group is given away without its limits") {
  Sandbox box;
  box.create();
  const auto join = box.manager->open_join(box.group);
  REQUIRE(join);
  if (!join->v2) {
    WARN("no unified hierarchy on this host");
    return;
  }
  REQUIRE(box.manager->delegate(box.group, 12345));
  const auto owner = [&](const char* name) {
    struct stat info {};
    return ::fstatat(join->v2.get(), name, &info, 0) == 0 ? info.st_uid : UINT32_MAX;
  };
  CHECK(owner(".") == 12345);
  CHECK(owner("cgroup.procs") == 12345);
  CHECK(owner("cgroup.subtree_control") == 12345);
  CHECK(owner("cgroup.max.depth") == 0);
}

TEST_CASE("nothing is created below a frozen group") {
  Sandbox box;
  REQUIRE(box.manager->create(box.parent, {}));
  REQUIRE(box.manager->freeze(box.parent));
  const auto refused = box.manager->create(box.group, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Code::kFailedPrecondition);
  CHECK_FALSE(box.manager->exists(box.group));
  REQUIRE(box.manager->thaw(box.parent));
  CHECK(told(box.manager->create(box.group, {})) == "done");
}

TEST_CASE("all counters of a group are read") {
  Sandbox box;
  oci::Resources limits;
  limits.pids_limit = 20;
  box.create(limits);
  const auto stats = box.manager->detailed_stats(box.group);
  REQUIRE(stats);
  CHECK(stats->pids_limit == 20U);
  CHECK(stats->memory.peak);
  CHECK_FALSE(stats->memory.numbers.empty());
  CHECK(stats->cpu.periods);
  const auto join = box.manager->open_join(box.group);
  const bool has_pressure = join && join->v2 && ::faccessat(join->v2.get(), "cpu.pressure", F_OK, 0) == 0;
  CHECK(stats->cpu.pressure.some.has_value() == has_pressure);
  CHECK_FALSE(box.manager->detailed_stats("/berth-not-there"));
}
