// SPDX-License-Identifier: Apache-2.0
#include "scenarios.hpp"
#include "workers.hpp"

namespace berth::bench {

void measure_pull(const Bench& bench) {
  constexpr int kPulls = 3;
  for (const auto& image : bench.pull_images) {
    const std::string title = "pull " + image.substr(image.rfind('/') + 1);
    Samples samples;
    double cpu = 0, daemon = 0;
    for (int i = 0; i < kPulls; ++i) {
      bench.node.remove_image(image);
      bench.meter.start();
      samples.add(timed([&] { bench.node.pull(image); }));
      const CpuUse use = bench.meter.stop();
      cpu += use.runtime;
      daemon += use.daemon;
    }
    bench.node.remove_image(image);
    bench.report.add(title, "p50", samples.percentile(50), "s");
    bench.report.add(title, "CPU per operation", cpu / kPulls, "s");
    bench.report.add(title, "CPU of the daemon", daemon / kPulls, "s");
  }
}

}  // namespace berth::bench
