// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cpu_meter.hpp"

namespace berth::bench {

/// Durations in seconds of one kind of operation.
class Samples {
 public:
  void add(double seconds) { values_.push_back(seconds); }
  void add(const Samples& other) {
    values_.insert(values_.end(), other.values_.begin(), other.values_.end());
  }
  std::size_t size() const { return values_.size(); }
  /// The nearest-rank percentile; 0 of nothing.
  double percentile(double percent) const;

 private:
  std::vector<double> values_;
};

/// What was measured, as rows "scenario, metric, value, unit", printed as they come.
class Report {
 public:
  void add(const std::string& scenario, const std::string& metric, double value, const std::string& unit);
  /// p50 and `high`th percentile in ms.
  void add_latency(const std::string& scenario, const Samples& samples, int high);
  /// CPU per operation in ms: of the runtime as a whole, and of the daemon alone; and how busy
  /// everything else kept the machine meanwhile.
  void add_cpu(const std::string& scenario, const CpuUse& use, std::size_t operations);
  void set(const std::string& key, const std::string& value) { document_[key] = value; }
  /// False when the file cannot be written.
  bool write(const std::string& path) const;

 private:
  nlohmann::json document_ = {{"rows", nlohmann::json::array()}};
};

}  // namespace berth::bench
