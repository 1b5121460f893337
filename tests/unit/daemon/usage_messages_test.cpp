// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/usage_messages.hpp"

#include <catch2/catch.hpp>

using namespace berth;
using namespace berth::daemon;

namespace {

berth::runtime::cgroup::Stats full_stats() {
  berth::runtime::cgroup::Stats stats;
  stats.cpu_usage_ns = 3'000'000'000;
  stats.memory_usage = 1000;
  stats.memory_working_set = 600;
  stats.memory_rss = 300;
  stats.page_faults = 5;
  stats.major_page_faults = 6;
  stats.swap_usage = 70;
  const berth::runtime::cgroup::PressureLine line{1.5, 2.5, 3.5, 9};
  stats.cpu_pressure = stats.memory_pressure = stats.io_pressure = {line, line};
  return stats;
}

}  // namespace

TEST_CASE("The rate of CPU time is known from the second reading on, and not from two that are too close") {
  CpuRate rate;
  CHECK_FALSE(rate.update(1'000'000'000, 500));
  CHECK_FALSE(rate.update(1'050'000'000, 900'000'000));
  CHECK(rate.update(3'000'000'000, 1'000'000'500) == 500'000'000U);
  CHECK(rate.update(3'010'000'000, 2'000'000'000) == 500'000'000U);
  CHECK(rate.update(4'000'000'000, 0) == 500'000'000U);  // a group of the same name, made anew
  CHECK(rate.update(5'000'000'000, 1) == 1U);
}

TEST_CASE("What the kernel tells is all there, in the CRI's units") {
  cri::ContainerStats out;
  CpuRate rate;
  cri::LinuxContainerResources limits;
  limits.set_memory_limit_in_bytes(2000);
  limits.set_memory_swap_limit_in_bytes(2100);
  fill_cpu(full_stats(), rate, 7, *out.mutable_cpu());
  fill_memory(full_stats(), 2000, 7, *out.mutable_memory());
  fill_swap(full_stats(), limits, 7, out);
  fill_io(full_stats(), 7, out);
  const std::string line = "Total: 9000 Avg10: 1.5 Avg60: 2.5 Avg300: 3.5";
  const std::string psi = "psi { Full { " + line + " } Some { " + line + " } }";
  CHECK(out.cpu().ShortDebugString() == "timestamp: 7 usage_core_nano_seconds { value: 3000000000 } " + psi);
  CHECK(out.memory().ShortDebugString() ==
        "timestamp: 7 working_set_bytes { value: 600 } available_bytes { value: 1400 } usage_bytes { value: "
        "1000 } "
        "rss_bytes { value: 300 } page_faults { value: 5 } major_page_faults { value: 6 } " +
            psi);
  CHECK(out.swap().ShortDebugString() ==
        "timestamp: 7 swap_available_bytes { value: 30 } swap_usage_bytes { value: 70 }");
  CHECK(out.io().ShortDebugString() == "timestamp: 7 " + psi);
}

TEST_CASE("What the kernel does not tell is not there, and no limit leaves nothing available") {
  cri::ContainerStats out;
  fill_memory({}, std::nullopt, 7, *out.mutable_memory());
  fill_swap({}, {}, 7, out);
  fill_io(berth::runtime::cgroup::Stats(), 7, out);
  CHECK(out.DebugString() == "memory {\n  timestamp: 7\n}\n");
  fill_memory(full_stats(), 0, 7, *out.mutable_memory());
  CHECK_FALSE(out.memory().has_available_bytes());
  fill_memory(full_stats(), 599, 7, *out.mutable_memory());
  CHECK(out.memory().available_bytes().value() == 0);
  fill_swap(full_stats(), {}, 7, out);
  CHECK_FALSE(out.swap().has_swap_available_bytes());
}

TEST_CASE("The pod's interface is the default one wherever it stands, and loopback is none") {
  NetworkSampler::Sample sample;
  sample.taken_ns = 9;
  sample.interfaces = {{"lo", {1, 1, 1, 1}, {1, 1, 1, 1}},
                       {"net1", {10, 0, 11, 0}, {12, 0, 13, 0}},
                       {"eth0", {20, 0, 21, 0}, {22, 0, 23, 0}}};
  cri::NetworkUsage out;
  fill_network(sample, "eth0", out);
  CHECK(out.timestamp() == 9);
  CHECK(out.default_interface().name() == "eth0");
  CHECK(out.default_interface().rx_bytes().value() == 20);
  CHECK(out.default_interface().rx_errors().value() == 21);
  CHECK(out.default_interface().tx_bytes().value() == 22);
  CHECK(out.default_interface().tx_errors().value() == 23);
  REQUIRE(out.interfaces_size() == 1);
  CHECK(out.interfaces(0).name() == "net1");
}
