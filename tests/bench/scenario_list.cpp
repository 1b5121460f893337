// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <stdexcept>
#include <thread>

#include "scenarios.hpp"
#include "workers.hpp"

namespace berth::bench {
namespace {

constexpr int kPerPod = 10;
constexpr int kCalls = 200;

void measure_calls(const Bench& bench, std::size_t expected, const std::string& suffix) {
  struct Call {
    const char* name;
    std::size_t (NodeClient::*list)();
    std::size_t least;
  };
  const Call calls[] = {{"ListContainers", &NodeClient::list_containers, expected},
                        {"ListPodSandbox", &NodeClient::list_pods, expected / kPerPod},
                        {"ListContainerStats", &NodeClient::list_stats, expected}};
  for (const Call& call : calls) {
    const std::string title = std::string(call.name) + suffix;
    bench.meter.start();
    Samples samples;
    double spent = 0;
    while (samples.size() < kCalls && spent < 20) {
      std::size_t found = 0;
      const double seconds = timed([&] { found = (bench.node.*call.list)(); });
      if (found < call.least) throw std::runtime_error(title + ": " + std::to_string(found) + " entries");
      samples.add(seconds);
      spent += seconds;
    }
    const CpuUse use = bench.meter.stop();
    bench.report.add_latency(title, samples, 99);
    if (suffix.ends_with("containers")) bench.report.add_cpu(title, use, samples.size());
  }
}

/// Pods come and go until it ends.
std::jthread churn(NodeClient& node) {
  return std::jthread([&node](std::stop_token stop) {
    while (!stop.stop_requested()) {
      const auto pod = node.run_pod(true);
      node.create_and_start(pod, {"sleep", "1000000"});
      node.stop_pod(pod);
      node.remove_pod(pod);
    }
  });
}

}  // namespace

void measure_list(const Bench& bench) {
  std::vector<NodeClient::Pod> pods;
  for (const int size : bench.list_sizes) {
    const std::size_t first = pods.size();
    const int more = size / kPerPod - static_cast<int>(first);
    pods.resize(first + static_cast<std::size_t>(std::max(more, 0)));
    run_workers(4, std::max(more, 0), [&](int index) {
      auto& pod = pods[first + static_cast<std::size_t>(index)];
      pod = bench.node.run_pod(true);
      for (int i = 0; i < kPerPod; ++i) bench.node.create_and_start(pod, {"sleep", "1000000"});
    });
    const std::string suffix = ", " + std::to_string(size) + " containers";
    measure_calls(bench, pods.size() * kPerPod, suffix);
    const auto background = churn(bench.node);
    measure_calls(bench, pods.size() * kPerPod, suffix + ", pods come and go");
  }
  run_workers(4, static_cast<int>(pods.size()), [&](int index) {
    bench.node.stop_pod(pods[static_cast<std::size_t>(index)]);
    bench.node.remove_pod(pods[static_cast<std::size_t>(index)]);
  });
}

}  // namespace berth::bench
