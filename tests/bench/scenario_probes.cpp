// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include "processes.hpp"
#include "scenarios.hpp"
#include "workers.hpp"

namespace berth::bench {
namespace {

constexpr int kWorkers = 8;
constexpr int kWarmUp = 1000;
constexpr double kKiB = 1024;

/// What a leak would show in: memory in bytes, and descriptors.
struct Holdings {
  double memory = 0;
  double descriptors = 0;
};

Holdings holdings_of(int pid) {
  std::error_code gone;
  const std::filesystem::directory_iterator open_files("/proc/" + std::to_string(pid) + "/fd", gone);
  const auto count = gone ? 0 : std::distance(begin(open_files), end(open_files));
  return {pss(pid), static_cast<double>(count)};
}

/// Of all that the runtime has added to the pods.
Holdings holdings_of_new(const std::set<int>& before, const std::string& workload) {
  Holdings sum;
  for (const int pid : all_pids()) {
    if (before.contains(pid) || command_line(pid) == workload) continue;
    const Holdings one = holdings_of(pid);
    sum.memory += one.memory;
    sum.descriptors += one.descriptors;
  }
  return sum;
}

void add_growth(const Bench& bench, const std::string& title, const std::string& who, const Holdings& before,
                const Holdings& after) {
  bench.report.add(title, "growth of " + who + ", PSS", (after.memory - before.memory) / kKiB, "KiB");
  bench.report.add(title, "growth of " + who + ", descriptors", after.descriptors - before.descriptors, "");
}

}  // namespace

void measure_probes(const Bench& bench) {
  const std::set<int> before = all_pids();
  std::vector<NodeClient::Pod> pods(static_cast<std::size_t>(bench.probed));
  std::vector<std::string> containers(pods.size());
  run_workers(4, bench.probed, [&](int index) {
    const auto at = static_cast<std::size_t>(index);
    pods[at] = bench.node.run_pod(true);
    containers[at] = bench.node.create_and_start(pods[at], {"sleep", "1000000"});
  });
  const auto probe = [&](int index) {
    bench.node.exec(containers[static_cast<std::size_t>(index) % containers.size()], {"true"});
  };
  run_workers(kWorkers, kWarmUp, probe);
  const Holdings daemon = holdings_of(bench.meter.daemon_pid());
  const Holdings shims = holdings_of_new(before, "sleep 1000000 ");
  bench.meter.start();
  const Samples samples = run_workers(kWorkers, bench.probes, probe);
  const CpuUse use = bench.meter.stop();
  const std::string title = "ExecSync true, " + std::to_string(bench.probed) + " containers, 8 in parallel";
  bench.report.add_latency(title, samples, 99);
  bench.report.add(title, "throughput", bench.probes / use.wall, "execs/s");
  bench.report.add_cpu(title, use, samples.size());
  add_growth(bench, title, "the daemon", daemon, holdings_of(bench.meter.daemon_pid()));
  add_growth(bench, title, "all else", shims, holdings_of_new(before, "sleep 1000000 "));
  run_workers(4, bench.probed, [&](int index) {
    bench.node.stop_pod(pods[static_cast<std::size_t>(index)]);
    bench.node.remove_pod(pods[static_cast<std::size_t>(index)]);
  });
}

}  // namespace berth::bench
