// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <vector>

#include "scenarios.hpp"
#include "workers.hpp"

namespace berth::bench {
namespace {

void measure(const Bench& bench, bool host_network, int workers) {
  const std::string title = std::string("start, ") + (host_network ? "no CNI" : "CNI") + ", " +
                            (workers == 1 ? "serial" : std::to_string(workers) + " in parallel");
  const int total = workers == 1 ? bench.iterations : std::max(bench.iterations, 3 * workers);
  std::vector<NodeClient::Pod> pods(static_cast<std::size_t>(total));
  bench.meter.start();
  const Samples starts = run_workers(workers, total, [&](int index) {
    auto& pod = pods[static_cast<std::size_t>(index)];
    pod = bench.node.run_pod(host_network);
    bench.node.create_and_start(pod, {"sleep", "1000000"});
  });
  const CpuUse starting = bench.meter.stop();
  bench.meter.start();
  const Samples removals = run_workers(workers, total, [&](int index) {
    const auto& pod = pods[static_cast<std::size_t>(index)];
    bench.node.stop_pod(pod);
    bench.node.remove_pod(pod);
  });
  const CpuUse removing = bench.meter.stop();
  bench.report.add_latency(title, starts, 95);
  bench.report.add(title, "throughput", total / starting.wall, "pods/s");
  bench.report.add_cpu(title, starting, starts.size());
  bench.report.add(title, "removal p50", removals.percentile(50) * 1000, "ms");
  bench.report.add(title, "CPU per lifecycle", (starting.runtime + removing.runtime) / total * 1000, "ms");
}

}  // namespace

void measure_start(const Bench& bench) {
  const std::vector<bool> networks =
      bench.host_network_only ? std::vector<bool>{true} : std::vector<bool>{true, false};
  // The first pod pays for what is set up once: bridges, chains, caches.
  for (const bool host_network : networks) {
    const auto pod = bench.node.run_pod(host_network);
    bench.node.create_and_start(pod, {"sleep", "1000000"});
    bench.node.stop_pod(pod);
    bench.node.remove_pod(pod);
  }
  for (const bool host_network : networks) {
    for (const int workers : bench.parallel) measure(bench, host_network, workers);
  }
}

}  // namespace berth::bench
