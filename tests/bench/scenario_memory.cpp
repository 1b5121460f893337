// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <thread>

#include "processes.hpp"
#include "scenarios.hpp"
#include "workers.hpp"

namespace berth::bench {
namespace {

constexpr double kKiB = 1024;
const char* const kWorkload = "sleep 1000000 ";

/// Of what the runtime adds to the pods: everything new that is not the containers' own program.
double pss_of_new(const std::set<int>& before) {
  double total = 0;
  for (const int pid : all_pids()) {
    if (!before.contains(pid) && command_line(pid) != kWorkload) total += pss(pid);
  }
  return total;
}

}  // namespace

void measure_memory(const Bench& bench) {
  const std::set<int> before = all_pids();
  const double empty = pss(bench.meter.daemon_pid());
  std::vector<NodeClient::Pod> pods(static_cast<std::size_t>(bench.pods));
  run_workers(4, bench.pods, [&](int index) {
    auto& pod = pods[static_cast<std::size_t>(index)];
    pod = bench.node.run_pod(true);
    bench.node.create_and_start(pod, {"sleep", "1000000"});
  });
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const std::string title = "memory, " + std::to_string(bench.pods) + " pods";
  bench.report.add("memory, no pods", "PSS of the daemon", empty / kKiB / kKiB, "MiB");
  bench.report.add(title, "PSS of the daemon", pss(bench.meter.daemon_pid()) / kKiB / kKiB, "MiB");
  bench.report.add(title, "PSS of all else, per pod", pss_of_new(before) / bench.pods / kKiB, "KiB");

  const double began = bench.meter.daemon_exactly();
  std::this_thread::sleep_for(std::chrono::seconds(bench.idle_seconds));
  const double used = bench.meter.daemon_exactly() - began;
  bench.report.add("idle, " + std::to_string(bench.pods) + " pods", "CPU of the daemon",
                   used / bench.idle_seconds * 100, "% of a core");

  run_workers(4, bench.pods, [&](int index) {
    bench.node.stop_pod(pods[static_cast<std::size_t>(index)]);
    bench.node.remove_pod(pods[static_cast<std::size_t>(index)]);
  });
}

}  // namespace berth::bench
