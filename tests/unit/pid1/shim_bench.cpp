// SPDX-License-Identifier: Apache-2.0
// Numbers, not judgements: run with the tag [bench]. Memory and latency of a shim, and its log's speed.

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include "shim_fixture.hpp"

using namespace berth;
using namespace berth::pid1::test;
using berth::shim::Type;

namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

long pss_kib(int pid) {
  std::ifstream rollup("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string key; rollup >> key;) {
    long value = 0;
    if (key == "Pss:" && rollup >> value) return value;
  }
  return -1;
}

/// User and system time of a process so far, in seconds.
double cpu_seconds(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string field;
  for (int i = 1; i < 14; ++i) stat >> field;
  double user = 0;
  double system = 0;
  stat >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

int init_shared_pid(TestShim& shim) {
  shim::InitPod request = {};
  request.pod = id_of(99);
  request.net_fd = request.ipc_fd = request.uts_fd = request.user_fd = request.into_cgroup_fd = shim::kNoFd;
  request.share_pid = 1;
  const Answer answer = shim.call(Type::kInitPod, &request, sizeof request);
  REQUIRE(answer.err == 0);
  shim::InitPodReply reply = {};
  std::memcpy(&reply, answer.body.data(), sizeof reply);
  return reply.pause_pid;
}

void print_median(const char* what, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  std::printf("%-40s median %.2f ms, min %.2f, p95 %.2f\n", what, values[values.size() / 2], values.front(),
              values[values.size() * 95 / 100]);
}

}  // namespace

TEST_CASE("Memory of twenty idle shims with one container each", "[.bench]") {
  std::vector<std::unique_ptr<TestShim>> shims;
  std::vector<int> pauses;
  for (unsigned i = 0; i < 20; ++i) {
    shims.push_back(std::make_unique<TestShim>());
    pauses.push_back(init_shared_pid(*shims.back()));
    ContainerPlan plan(shims.back()->scratch());
    const auto bytes = plan.script("echo started; sleep 1000").finish();
    LaunchOptions options;
    options.log_name = "c.log";
    REQUIRE(shims.back()->launch(id_of(1), bytes, plan.raw_fds(), options).err == 0);
    REQUIRE(shims.back()->object_call(Type::kStart, id_of(1)).err == 0);
  }
  ::usleep(1500000);  // buffers are given back after a second
  long shim_sum = 0;
  long pause_sum = 0;
  for (size_t i = 0; i < shims.size(); ++i) {
    shim_sum += pss_kib(shims[i]->pid());
    pause_sum += pss_kib(pauses[i]);
  }
  std::printf("PSS per idle shim %ld KiB, per pause %ld KiB\n", shim_sum / 20, pause_sum / 20);
  std::ifstream rollup("/proc/" + std::to_string(shims[7]->pid()) + "/smaps_rollup");
  for (std::string line; std::getline(rollup, line);) std::printf("  %s\n", line.c_str());
}

TEST_CASE("Launch latency", "[.bench]") {
  TestShim shim;
  std::vector<double> launches, starts, lives;
  for (unsigned i = 1; i <= 200; ++i) {
    ContainerPlan plan(shim.scratch());
    const auto bytes = plan.argv({"/bin/true"}).finish();
    const auto begin = Clock::now();
    REQUIRE(shim.launch(id_of(i), bytes, plan.raw_fds(), {}).err == 0);
    launches.push_back(milliseconds_since(begin));
    const auto gate = Clock::now();
    REQUIRE(shim.object_call(Type::kStart, id_of(i)).err == 0);
    starts.push_back(milliseconds_since(gate));
    shim.next_event();
    lives.push_back(milliseconds_since(begin));
    REQUIRE(shim.object_call(Type::kRemove, id_of(i)).err == 0);
  }
  print_median("kLaunch to its reply", launches);
  print_median("kStart to its reply", starts);
  print_median("kLaunch to kExited of /bin/true", lives);
}

TEST_CASE("Log throughput", "[.bench]") {
  constexpr int kFiles = 50;  // of 10 MB
  for (const size_t line : {100u, 20u}) {
    TestShim shim;
    {
      std::ofstream input(shim.scratch().path("root/tmp/lines"));
      for (size_t size = 0; size < 10000000; size += line) input << std::string(line - 1, 'x') << '\n';
    }
    ContainerPlan plan(shim.scratch());
    std::string files;
    for (int i = 0; i < kFiles; ++i) files += " /tmp/lines";
    const auto bytes = plan.script("cat" + files).finish();
    LaunchOptions options;
    options.log_name = "c.log";
    REQUIRE(shim.launch(id_of(1), bytes, plan.raw_fds(), options).err == 0);
    const auto begin = Clock::now();
    const double cpu = cpu_seconds(shim.pid());
    REQUIRE(shim.object_call(Type::kStart, id_of(1)).err == 0);
    shim.next_event(120000);
    const double seconds = milliseconds_since(begin) / 1000;
    constexpr double kGigabytes = kFiles / 100.0;
    std::printf("%zu-byte lines: %.0f MB/s, %.2f CPU-s/GB\n", line, 1000 * kGigabytes / seconds,
                (cpu_seconds(shim.pid()) - cpu) / kGigabytes);
  }
}
