// SPDX-License-Identifier: Apache-2.0
#include "report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>

namespace berth::bench {

double Samples::percentile(double percent) const {
  if (values_.empty()) return 0;
  std::vector<double> sorted = values_;
  std::sort(sorted.begin(), sorted.end());
  const double rank = std::ceil(percent / 100 * static_cast<double>(sorted.size()));
  return sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

void Report::add(const std::string& scenario, const std::string& metric, double value,
                 const std::string& unit) {
  document_["rows"].push_back({{"scenario", scenario}, {"metric", metric}, {"value", value}, {"unit", unit}});
  std::printf("%-44s %-28s %12.3f %s\n", scenario.c_str(), metric.c_str(), value, unit.c_str());
  std::fflush(stdout);
}

void Report::add_latency(const std::string& scenario, const Samples& samples, int high) {
  add(scenario, "p50", samples.percentile(50) * 1000, "ms");
  add(scenario, "p" + std::to_string(high), samples.percentile(high) * 1000, "ms");
}

void Report::add_cpu(const std::string& scenario, const CpuUse& use, std::size_t operations) {
  const double count = operations == 0 ? 1 : static_cast<double>(operations);
  add(scenario, "CPU per operation", use.runtime / count * 1000, "ms");
  add(scenario, "CPU of the daemon", use.daemon / count * 1000, "ms");
  if (use.wall > 0) add(scenario, "other load on the machine", use.foreign / use.wall, "cores");
}

bool Report::write(const std::string& path) const {
  std::ofstream file(path);
  file << document_.dump(2) << "\n";
  return file.good();
}

}  // namespace berth::bench
