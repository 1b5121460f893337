// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <thread>

#include "scenarios.hpp"
#include "workers.hpp"

namespace berth::bench {
namespace {

/// What a kubelet asks in one second of a quiet node: lists each second, the status each 5, statistics (and
/// metrics, when somebody scrapes it) each 10.
void ask_as_a_kubelet(NodeClient& node, int second, bool scraped) {
  node.list_pods();
  node.list_containers();
  if (second % 5 == 0) node.status();
  if (second % 10 != 0) return;
  node.list_stats();
  node.list_pod_stats();
  if (scraped) node.list_metrics();
}

void measure_questions(const Bench& bench, bool scraped) {
  using Clock = std::chrono::steady_clock;
  const int seconds = bench.idle_seconds * 2;
  const auto began_at = Clock::now();
  const double began = bench.meter.daemon_exactly();
  for (int second = 0; second < seconds; ++second) {
    ask_as_a_kubelet(bench.node, second, scraped);
    std::this_thread::sleep_until(began_at + std::chrono::seconds(second + 1));
  }
  const double used = bench.meter.daemon_exactly() - began;
  const std::string what = scraped ? "a kubelet asks and is scraped, " : "a kubelet asks, ";
  bench.report.add(what + std::to_string(bench.pods) + " pods", "CPU of the daemon", used / seconds * 100,
                   "% of a core");
}

}  // namespace

void measure_idle(const Bench& bench) {
  std::vector<NodeClient::Pod> pods(static_cast<std::size_t>(bench.pods));
  run_workers(4, bench.pods, [&](int index) {
    auto& pod = pods[static_cast<std::size_t>(index)];
    pod = bench.node.run_pod(bench.host_network_only);
    bench.node.create_and_start(pod, {"sleep", "1000000"});
  });
  for (const bool scraped : {false, true}) measure_questions(bench, scraped);
  run_workers(4, static_cast<int>(pods.size()), [&](int index) {
    bench.node.stop_pod(pods[static_cast<std::size_t>(index)]);
    bench.node.remove_pod(pods[static_cast<std::size_t>(index)]);
  });
}

}  // namespace berth::bench
