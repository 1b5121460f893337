// SPDX-License-Identifier: Apache-2.0
#include "scenarios.hpp"
#include "workers.hpp"

namespace berth::bench {
namespace {

constexpr int kExecs = 300;

}  // namespace

void measure_exec(const Bench& bench) {
  const auto pod = bench.node.run_pod(true);
  const std::string container = bench.node.create_and_start(pod, {"sleep", "1000000"});
  auto exec = [&](int) { bench.node.exec(container, {"true"}); };
  run_workers(1, 5, exec);
  for (const int workers : {1, 8}) {
    const std::string title = workers == 1 ? "ExecSync true, serial" : "ExecSync true, 8 in parallel";
    bench.meter.start();
    const Samples samples = run_workers(workers, kExecs, exec);
    const CpuUse use = bench.meter.stop();
    bench.report.add_latency(title, samples, 95);
    bench.report.add(title, "throughput", kExecs / use.wall, "execs/s");
    bench.report.add_cpu(title, use, samples.size());
  }
  bench.node.stop_pod(pod);
  bench.node.remove_pod(pod);
}

void measure_stop(const Bench& bench) {
  // A program without a handler would ignore SIGTERM as PID 1 of its namespace.
  const Strings polite = {"sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1000 & wait; done"};
  Samples stops, pod_stops;
  CpuUse sum;
  for (int i = 0; i < bench.iterations; ++i) {
    const auto pod = bench.node.run_pod(true);
    const std::string container = bench.node.create_and_start(pod, polite);
    bench.node.exec(container, {"sleep", "0.05"});  // the shell has set its trap by then
    bench.meter.start();
    stops.add(timed([&] { bench.node.stop(container, 30); }));
    const CpuUse use = bench.meter.stop();
    sum.runtime += use.runtime;
    sum.daemon += use.daemon;
    pod_stops.add(timed([&] { bench.node.stop_pod(pod); }));
    bench.node.remove_pod(pod);
  }
  bench.report.add_latency("StopContainer, exits on SIGTERM", stops, 95);
  bench.report.add_cpu("StopContainer, exits on SIGTERM", sum, stops.size());
  bench.report.add_latency("StopPodSandbox, no CNI, nothing runs", pod_stops, 95);
}

}  // namespace berth::bench
