// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/guarded.hpp"
#include "base/lane.hpp"
#include "base/result.hpp"
#include "runtime/net_counters.hpp"

namespace berth::daemon {

/// Counters of pods' network interfaces. Reading them waits for a lock of the kernel that anybody may hold
/// for as long as it likes, so threads of its own read, and nobody waits for them longer than a moment.
class NetworkSampler {
 public:
  struct Sample {
    std::int64_t taken_ns = 0;
    std::vector<runtime::InterfaceCounters> interfaces;
  };
  using Read = std::function<Result<std::vector<runtime::InterfaceCounters>>(const std::string& pod_id)>;
  explicit NetworkSampler(Read read, std::chrono::milliseconds patience = std::chrono::milliseconds(200))
      : read_(std::move(read)), patience_(patience) {}

  /// New samples of these pods, as many as are there in time; the others come later. Those of the last half
  /// second are new enough.
  void refresh(const std::vector<std::string>& pod_ids);
  /// The last one; null: none yet.
  std::shared_ptr<const Sample> get(const std::string& pod_id) const;
  void forget(const std::string& pod_id) { entries_.lock()->erase(pod_id); }

 private:
  struct Entry {
    std::shared_ptr<const Sample> sample;
    bool reading = false;
  };
  struct Batch;
  bool begin(const std::string& pod_id);
  void take(const std::string& pod_id);
  const Read read_;
  const std::chrono::milliseconds patience_;
  Guarded<std::map<std::string, Entry>> entries_;
  Lane lane_{{.name = "net stats", .min_threads = 0, .max_threads = 2, .queue_limit = 8192}};
};

}  // namespace berth::daemon
