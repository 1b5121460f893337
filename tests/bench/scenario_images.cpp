// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <thread>

#include "scenarios.hpp"
#include "workers.hpp"

namespace berth::bench {
namespace {

constexpr int kPulls = 3;
constexpr int kAtOnce = 10;

/// Layers are deleted in the background, and until that is done the next pull may find them there.
void remove_and_settle(const Bench& bench, const std::string& image) {
  bench.node.remove_image(image);
  for (int i = 0; i < 300; ++i) {
    bench.meter.start();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    if (bench.meter.stop().runtime < 0.005) return;
  }
}

void measure_one(const Bench& bench, const std::string& image, const std::string& title) {
  Samples samples, removals;
  double cpu = 0, daemon = 0;
  for (int i = 0; i < kPulls; ++i) {
    remove_and_settle(bench, image);
    bench.meter.start();
    samples.add(timed([&] { bench.node.pull(image); }));
    const CpuUse use = bench.meter.stop();
    cpu += use.runtime;
    daemon += use.daemon;
    removals.add(timed([&] { bench.node.remove_image(image); }));
  }
  bench.report.add(title, "p50", samples.percentile(50), "s");
  bench.report.add(title, "CPU per operation", cpu / kPulls, "s");
  bench.report.add(title, "CPU of the daemon", daemon / kPulls, "s");
  bench.report.add(title, "removal", removals.percentile(50), "s");
}

}  // namespace

void measure_pull(const Bench& bench) {
  for (const auto& image : bench.pull_images)
    measure_one(bench, image, "pull " + image.substr(image.rfind('/') + 1));
  if (bench.pull_images.empty()) return;
  const std::string& image = bench.pull_images.front();
  remove_and_settle(bench, image);
  bench.meter.start();
  const double all = timed([&] { run_workers(kAtOnce, kAtOnce, [&](int) { bench.node.pull(image); }); });
  const std::string title = "the first of them, 10 pulls at once";
  bench.report.add(title, "until all are done", all, "s");
  bench.report.add(title, "CPU", bench.meter.stop().runtime, "s");
  bench.node.remove_image(image);
}

}  // namespace berth::bench
