// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/metric_table.hpp"

#include <catch2/catch.hpp>

#include <set>

#include "../runtime/cgroup_fixture.hpp"
#include "daemon/metric_families.hpp"
#include "daemon/ops/process_counts.hpp"

using namespace berth;
using namespace berth::daemon;
using berth::testing::open_fake_host;
using berth::testing::Tree;

namespace {

/// One line per value, as Prometheus writes them, without the labels that all have and the prefix.
std::string text_of(const MetricSource& source, std::string_view family) {
  std::string text;
  for (const MetricKind& kind : metric_kinds()) {
    if (kind.family != family) continue;
    std::vector<MetricValue> values;
    kind.collect(source, values);
    for (const auto& value : values) {
      REQUIRE(value.labels.size() == kind.labels.size());
      std::string labels;
      for (std::size_t i = 0; i < value.labels.size(); ++i)
        labels += cat(i == 0 ? "" : ",", kind.labels[i], "=", value.labels[i]);
      text += cat(kind.name.substr(sizeof("container_") - 1), "{", labels, "} ", value.value, "\n");
    }
  }
  return text;
}

MetricSource measured(const Tree& tree, const std::vector<std::string>& mounts) {
  MetricSource source;
  auto stats = open_fake_host(tree, mounts)->detailed_stats("/a");
  REQUIRE(stats);
  source.group = *std::move(stats);
  source.device_name = [](const std::string& number) { return "/dev/of-" + number; };
  return source;
}

const std::initializer_list<std::pair<std::string, std::string>> kV1 = {
    {"cpu,cpuacct/a/cpu.stat", "nr_periods 10\nnr_throttled 4\nthrottled_time 2500000000\n"},
    {"cpu,cpuacct/a/cpuacct.usage", "7900000000\n"},
    {"cpu,cpuacct/a/cpuacct.usage_user", "5000000000\n"},
    {"cpu,cpuacct/a/cpuacct.usage_sys", "2900000000\n"},
    {"memory/a/memory.usage_in_bytes", "1000\n"},
    {"memory/a/memory.max_usage_in_bytes", "2000\n"},
    {"memory/a/memory.limit_in_bytes", "4096\n"},
    {"memory/a/memory.memsw.limit_in_bytes", "8192\n"},
    {"memory/a/memory.failcnt", "3\n"},
    {"memory/a/memory.kmem.usage_in_bytes", "77\n"},
    {"memory/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"},
    {"memory/a/memory.stat",
     "cache 1\nrss 2\npgfault 8\npgmajfault 1\ntotal_cache 100\ntotal_rss 200\ntotal_mapped_file 50\n"
     "total_swap 60\ntotal_pgfault 9\ntotal_pgmajfault 2\ntotal_inactive_file 40\n"},
    {"pids/a/pids.current", "5\n"},
    {"pids/a/pids.max", "max\n"},
    {"blkio/a/blkio.throttle.io_service_bytes_recursive", "8:0 Read 512\n8:0 Write 1024\nTotal 1536\n"},
    {"blkio/a/blkio.throttle.io_serviced_recursive", "8:0 Read 5\n8:0 Write 6\nTotal 11\n"},
    {"hugetlb/a/hugetlb.2MB.usage_in_bytes", "2097152\n"},
    {"hugetlb/a/hugetlb.2MB.max_usage_in_bytes", "4194304\n"},
};
const std::vector<std::string> kV1Mounts = {"cpu,cpuacct", "memory", "pids", "blkio", "hugetlb"};

const std::initializer_list<std::pair<std::string, std::string>> kV2 = {
    {"unified/cgroup.controllers", "cpu memory pids io hugetlb"},
    {"unified/a/cpu.stat",
     "usage_usec 7900000\nuser_usec 5000000\nsystem_usec 2900000\nnr_periods 10\nnr_throttled 4\n"
     "throttled_usec 2500000\n"},
    {"unified/a/cpu.pressure",
     "some avg10=0.00 avg60=0.00 avg300=0.00 total=3500000\n"
     "full avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\n"},
    {"unified/a/memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=999999\n"},
    {"unified/a/io.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n"},
    {"unified/a/memory.current", "1000\n"},
    {"unified/a/memory.peak", "2000\n"},
    {"unified/a/memory.max", "max\n"},
    {"unified/a/memory.swap.max", "max\n"},
    {"unified/a/memory.swap.current", "60\n"},
    {"unified/a/memory.events", "low 0\nhigh 0\nmax 3\noom 2\noom_kill 2\n"},
    {"unified/a/memory.stat",
     "anon 200\nfile 100\nkernel 77\nfile_mapped 50\ninactive_file 40\npgfault 9\npgmajfault 2\n"},
    {"unified/a/pids.current", "5\n"},
    {"unified/a/pids.max", "100\n"},
    {"unified/a/io.stat", "8:0 rbytes=512 wbytes=1024 rios=5 wios=6 dbytes=7 dios=8\n"},
    {"unified/a/hugetlb.2MB.current", "2097152\n"},
};

}  // namespace

TEST_CASE("CPU metrics are the same of v1 and v2, in whole seconds") {
  const std::string expected =
      "cpu_cfs_periods_total{} 10\ncpu_cfs_throttled_periods_total{} 4\ncpu_cfs_throttled_seconds_total{} 2\n"
      "cpu_system_seconds_total{} 2\ncpu_usage_seconds_total{cpu=total} 7\ncpu_user_seconds_total{} 5\n";
  CHECK(text_of(measured(Tree(kV1), kV1Mounts), "cpu") == expected);
  CHECK(text_of(measured(Tree(kV2), {""}), "cpu") == expected);
}

TEST_CASE("Memory metrics of v1 count what is below, and have both scopes of page faults") {
  CHECK(text_of(measured(Tree(kV1), kV1Mounts), "memory") ==
        "memory_cache{} 100\nmemory_failcnt{} 3\n"
        "memory_failures_total{failure_type=pgfault,scope=container} 8\n"
        "memory_failures_total{failure_type=pgfault,scope=hierarchy} 9\n"
        "memory_failures_total{failure_type=pgmajfault,scope=container} 1\n"
        "memory_failures_total{failure_type=pgmajfault,scope=hierarchy} 2\n"
        "memory_kernel_usage{} 77\nmemory_mapped_file{} 50\nmemory_max_usage_bytes{} 2000\nmemory_rss{} 200\n"
        "memory_swap{} 60\nmemory_usage_bytes{} 1000\nmemory_working_set_bytes{} 960\n");
}

TEST_CASE("Memory metrics of v2 have the same names") {
  CHECK(text_of(measured(Tree(kV2), {""}), "memory") ==
        "memory_cache{} 100\nmemory_failcnt{} 3\n"
        "memory_failures_total{failure_type=pgfault,scope=container} 9\n"
        "memory_failures_total{failure_type=pgfault,scope=hierarchy} 9\n"
        "memory_failures_total{failure_type=pgmajfault,scope=container} 2\n"
        "memory_failures_total{failure_type=pgmajfault,scope=hierarchy} 2\n"
        "memory_kernel_usage{} 77\nmemory_mapped_file{} 50\nmemory_max_usage_bytes{} 2000\nmemory_rss{} 200\n"
        "memory_swap{} 60\nmemory_usage_bytes{} 1000\nmemory_working_set_bytes{} 960\n");
}

TEST_CASE("Metrics of block devices name the device, and its number where cAdvisor does") {
  const std::string reads_and_writes =
      "fs_reads_bytes_total{device=/dev/of-8:0} 512\nfs_reads_total{device=/dev/of-8:0} 5\n"
      "fs_writes_bytes_total{device=/dev/of-8:0} 1024\nfs_writes_total{device=/dev/of-8:0} 6\n";
  const std::string usage = "blkio_device_usage_total{device=/dev/of-8:0,major=8,minor=0,operation=";
  CHECK(text_of(measured(Tree(kV1), kV1Mounts), "diskIO") ==
        usage + "Read} 512\n" + usage + "Write} 1024\n" + usage + "Discard} 0\n" + reads_and_writes);
  CHECK(text_of(measured(Tree(kV2), {""}), "diskIO") ==
        usage + "Read} 512\n" + usage + "Write} 1024\n" + usage + "Discard} 7\n" + reads_and_writes);
}

TEST_CASE("The most huge pages so far are known of v1 alone") {
  CHECK(text_of(measured(Tree(kV1), kV1Mounts), "hugetlb") ==
        "hugetlb_max_usage_bytes{pagesize=2MB} 4194304\nhugetlb_usage_bytes{pagesize=2MB} 2097152\n");
  CHECK(text_of(measured(Tree(kV2), {""}), "hugetlb") == "hugetlb_usage_bytes{pagesize=2MB} 2097152\n");
}

TEST_CASE("Pressure comes from the unified hierarchy, also where everything else is in v1") {
  const std::string expected =
      "pressure_cpu_stalled_seconds_total{} 1\npressure_cpu_waiting_seconds_total{} 3\n"
      "pressure_io_waiting_seconds_total{} 1\npressure_memory_waiting_seconds_total{} 0\n";
  const Tree hybrid(kV2);
  for (const auto& [name, content] : kV1) hybrid.write(name, content);
  hybrid.write("unified/cgroup.controllers", "");
  auto mounts = kV1Mounts;
  mounts.emplace_back("");
  CHECK(text_of(measured(Tree(kV2), {""}), "pressure") == expected);
  CHECK(text_of(measured(hybrid, mounts), "pressure") == expected);
  CHECK(text_of(measured(hybrid, mounts), "memory") == text_of(measured(Tree(kV1), kV1Mounts), "memory"));
  CHECK(text_of(measured(Tree(kV1), kV1Mounts), "pressure").empty());
}

TEST_CASE("OOM kills and limits of processes") {
  MetricSource v1 = measured(Tree(kV1), kV1Mounts);
  MetricSource v2 = measured(Tree(kV2), {""});
  CHECK(text_of(v1, "oom") == "oom_events_total{} 2\n");
  CHECK(text_of(v2, "oom") == "oom_events_total{} 2\n");
  v1.processes = {3, 12, 2, 1024};
  CHECK(text_of(v1, "process") ==
        "file_descriptors{} 12\nprocesses{} 3\nsockets{} 2\nthreads{} 5\nthreads_max{} 0\n"
        "ulimits_soft{ulimit=max_open_files} 1024\n");
  v2.processes = {3, {}, {}, {}};
  CHECK(text_of(v2, "process") == "processes{} 3\nthreads{} 5\nthreads_max{} 100\n");
}

TEST_CASE("What was asked for is told as it was applied, and times in seconds") {
  MetricSource source = measured(Tree(kV1), kV1Mounts);
  source.now_ns = 1'700'000'000'900'000'000;
  source.started_ns = 1'600'000'000'900'000'000;
  source.limits.set_cpu_period(100000);
  source.limits.set_cpu_quota(-1);
  source.limits.set_cpu_shares(512);
  (*source.limits.mutable_unified())["memory.low"] = "4096";
  CHECK(text_of(source, "spec") ==
        "last_seen{} 1700000000\nspec_cpu_period{} 100000\nspec_cpu_shares{} 512\n"
        "spec_memory_limit_bytes{} 4096\nspec_memory_reservation_limit_bytes{} 4096\n"
        "spec_memory_swap_limit_bytes{} 8192\nstart_time_seconds{} 1600000000\n");
  (*source.limits.mutable_unified())["memory.low"] = "max";
  CHECK(text_of(source, "spec").find("reservation_limit_bytes{} 0\n") != std::string::npos);
}

TEST_CASE("The disk is that of the writable layer, the network that of each interface") {
  MetricSource source;
  CHECK(text_of(source, "disk").empty());
  CHECK(text_of(source, "network").empty());
  source.disk = {"/dev/sda1", 10, 1000, 50, 40};
  CHECK(text_of(source, "disk") ==
        "fs_inodes_free{device=/dev/sda1} 40\nfs_inodes_total{device=/dev/sda1} 50\n"
        "fs_limit_bytes{device=/dev/sda1} 1000\nfs_usage_bytes{device=/dev/sda1} 10\n");
  source.interfaces = {{"eth0", {1, 2, 3, 4}, {5, 6, 7, 8}}};
  CHECK(text_of(source, "network") ==
        "network_receive_bytes_total{interface=eth0} 1\nnetwork_receive_errors_total{interface=eth0} 3\n"
        "network_receive_packets_dropped_total{interface=eth0} 4\n"
        "network_receive_packets_total{interface=eth0} 2\n"
        "network_transmit_bytes_total{interface=eth0} 5\nnetwork_transmit_errors_total{interface=eth0} 7\n"
        "network_transmit_packets_dropped_total{interface=eth0} 8\n"
        "network_transmit_packets_total{interface=eth0} 6\n");
}

TEST_CASE("Each metric has a family that can be selected, a help text and a name of its own") {
  std::set<std::string_view> names;
  std::set<std::string_view> families;
  for (const MetricKind& kind : metric_kinds()) {
    INFO(kind.name);
    CHECK(kind.name.starts_with("container_"));
    CHECK(kind.help.ends_with('.'));
    CHECK(names.insert(kind.name).second);
    families.insert(kind.family);
  }
  CHECK(families == std::set<std::string_view>(kMetricFamilies.begin(), kMetricFamilies.end()));
  CHECK(is_family_selected({"all"}, "cpu"));
  CHECK(is_family_selected({"spec", "cpu"}, "cpu"));
  CHECK_FALSE(is_family_selected({"spec"}, "cpu"));
}

TEST_CASE("Descriptors and sockets are counted over all processes; one that ended has none") {
  const Tree proc{{"7/fd/", ""}, {"8/fd/", ""}};
  REQUIRE(::symlink("/dev/null", proc.path("7/fd/0").c_str()) == 0);
  REQUIRE(::symlink("socket:[123456789012345]", proc.path("7/fd/1").c_str()) == 0);
  REQUIRE(::symlink("pipe:[5]", proc.path("8/fd/0").c_str()) == 0);
  const auto counts = count_processes({7, 8, 9}, proc.root());
  CHECK(counts.count == 3);
  CHECK(counts.descriptors == 3U);
  CHECK(counts.sockets == 1U);
}
