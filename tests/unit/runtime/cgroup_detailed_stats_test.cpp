// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "cgroup_fixture.hpp"
#include "runtime/cgroup/detailed_stats.hpp"
#include "runtime/cgroup/stats.hpp"

using namespace berth;
using namespace berth::runtime::cgroup;
using berth::testing::open_fake_host;
using berth::testing::Tree;

TEST_CASE("pressure lines that are none leave nothing", "[cgroup]") {
  CHECK_FALSE(parse_pressure("").some);
  CHECK_FALSE(parse_pressure("avg10=1.00 total=5\nmost avg10=2\n").full);
  CHECK_FALSE(parse_pressure("some").some);
  CHECK(parse_pressure("some avg10=x total=-1").some->avg10 == 0);
}

TEST_CASE("pressure is percentages and microseconds", "[cgroup]") {
  const Pressure pressure = parse_pressure(
      "some avg10=1.05 avg60=22.30 avg300=100.00 total=12345\nfull avg10=0.00 avg60=0.01 avg300=0.00 "
      "total=7\n");
  REQUIRE(pressure.some);
  CHECK(pressure.some->avg10 == Approx(1.05));
  CHECK(pressure.some->avg60 == Approx(22.30));
  CHECK(pressure.some->avg300 == Approx(100));
  CHECK(pressure.some->total_us == 12345);
  CHECK(pressure.full->avg60 == Approx(0.01));
  CHECK(pressure.full->total_us == 7);
}

TEST_CASE("I/O counters are by device, in both versions", "[cgroup]") {
  const auto v2 =
      parse_io_stat("8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6 cost.usage=7\n8:16 \nTotal 9\n");
  REQUIRE(v2.size() == 1);
  CHECK(v2[0].device == "8:0");
  CHECK(v2[0].discard_operations == 6);
  const auto v1 = parse_blkio("8:0 Read 10\n8:0 Write 20\n8:0 Sync 30\n259:1 Read 40\nTotal 70\n",
                              "8:0 Read 1\n8:0 Discard 2\nTotal 3\n");
  REQUIRE(v1.size() == 2);
  CHECK(v1[0].read_bytes == 10);
  CHECK(v1[0].write_bytes == 20);
  CHECK(v1[0].read_operations == 1);
  CHECK(v1[0].discard_operations == 2);
  CHECK(v1[1].device == "259:1");
  CHECK(v1[1].read_bytes == 40);
}

TEST_CASE("rdma devices tell numbers, and max as nothing", "[cgroup]") {
  const auto devices = parse_rdma("mlx4_0 hca_handle=2 hca_object=max\nocrdma1 hca_handle=99999999999\n");
  REQUIRE(devices.size() == 2);
  CHECK(devices.at("mlx4_0").handles == 2U);
  CHECK_FALSE(devices.at("mlx4_0").objects);
  CHECK_FALSE(devices.at("ocrdma1").handles);
}

TEST_CASE("all of a v2 group's counters are found", "[cgroup]") {
  const Tree tree{
      {"unified/cgroup.controllers", "cpu io memory pids hugetlb rdma"},
      {"unified/a/cpu.stat",
       "usage_usec 9\nuser_usec 5\nsystem_usec 4\nnr_periods 3\nnr_throttled 2\nthrottled_usec 1\n"},
      {"unified/a/cpu.pressure", "some avg10=1.00 avg60=0.00 avg300=0.00 total=3\n"},
      {"unified/a/memory.current", "100\n"},
      {"unified/a/memory.peak", "200\n"},
      {"unified/a/memory.max", "4096\n"},
      {"unified/a/memory.swap.max", "max\n"},
      {"unified/a/memory.stat", "anon 60\nfile 40\n"},
      {"unified/a/memory.events", "low 0\nmax 4\noom 2\noom_kill 1\n"},
      {"unified/a/pids.max", "max\n"},
      {"unified/a/io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n"},
      {"unified/a/hugetlb.2MB.current", "2097152\n"},
      {"unified/a/hugetlb.2MB.rsvd.current", "0\n"},
      {"unified/a/hugetlb.2MB.max", "max\n"},
      {"unified/a/hugetlb.2MB.events", "max 3\n"},
      {"unified/a/rdma.current", "mlx4_0 hca_handle=1 hca_object=2\n"}};
  const auto stats = open_fake_host(tree, {""})->detailed_stats("/a");
  REQUIRE(stats);
  CHECK(stats->basic.cpu_usage_ns == 9000);
  CHECK(stats->cpu.user_ns == 5000U);
  CHECK(stats->cpu.throttled_periods == 2U);
  CHECK(stats->cpu.throttled_ns == 1000U);
  CHECK(stats->cpu.pressure.some->total_us == 3);
  CHECK_FALSE(stats->memory.pressure.some);
  CHECK(stats->memory.peak == 200U);
  CHECK_FALSE(stats->memory.swap_limit);
  CHECK(stats->memory.limit_hits == 4U);
  CHECK(stats->memory.oom_kills == 1U);
  CHECK(stats->memory.numbers.at("file") == 40);
  CHECK_FALSE(stats->pids_limit);
  CHECK(stats->io.size() == 1);
  REQUIRE(stats->hugepages.size() == 1);
  CHECK(stats->hugepages[0].page_size == "2MB");
  CHECK(stats->hugepages[0].usage == 2097152);
  CHECK_FALSE(stats->hugepages[0].limit);
  CHECK(stats->hugepages[0].limit_hits == 3U);
  CHECK(stats->rdma_usage.at("mlx4_0").objects == 2U);
}

TEST_CASE("all of a hybrid group's counters are found, each where its controller is", "[cgroup]") {
  const Tree tree{{"cpu/a/cpu.stat", "nr_periods 3\nnr_throttled 2\nthrottled_time 1000\n"},
                  {"cpuacct/a/cpuacct.usage", "90\n"},
                  {"cpuacct/a/cpuacct.usage_user", "50\n"},
                  {"cpuacct/a/cpuacct.usage_sys", "40\n"},
                  {"cpuacct/a/cpuacct.usage_percpu", "30 60 \n"},
                  {"memory/a/memory.max_usage_in_bytes", "200\n"},
                  {"memory/a/memory.memsw.limit_in_bytes", "300\n"},
                  {"memory/a/memory.failcnt", "4\n"},
                  {"memory/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"},
                  {"memory/a/memory.kmem.usage_in_bytes", "8\n"},
                  {"blkio/a/blkio.throttle.io_service_bytes_recursive", "8:0 Read 5\nTotal 5\n"},
                  {"pids/a/pids.max", "12\n"},
                  {"unified/cgroup.controllers", "hugetlb"},
                  {"unified/a/cpu.pressure", "some avg10=2.00 avg60=0.00 avg300=0.00 total=3\n"},
                  {"unified/a/hugetlb.1GB.current", "0\n"},
                  {"unified/a/hugetlb.1GB.max", "0\n"}};
  const auto stats =
      open_fake_host(tree, {"cpu", "cpuacct", "memory", "blkio", "pids", ""})->detailed_stats("/a");
  REQUIRE(stats);
  CHECK(stats->cpu.user_ns == 50U);
  CHECK(stats->cpu.system_ns == 40U);
  CHECK(stats->cpu.throttled_ns == 1000U);
  CHECK(stats->cpu.per_cpu_ns == std::vector<std::uint64_t>{30, 60});
  CHECK(stats->cpu.pressure.some->avg10 == Approx(2));
  CHECK(stats->memory.peak == 200U);
  CHECK(stats->memory.swap_limit == 300U);
  CHECK(stats->memory.oom_kills == 1U);
  CHECK(stats->memory.kernel == 8U);
  CHECK(stats->io.at(0).read_bytes == 5);
  CHECK(stats->pids_limit == 12U);
  CHECK(stats->hugepages.at(0).limit == 0U);
}
