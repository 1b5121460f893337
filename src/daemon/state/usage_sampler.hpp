// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/guarded.hpp"
#include "base/lane.hpp"
#include "image/snapshotter.hpp"

namespace berth::daemon {

/// Writable-layer sizes for statistics. Walking a directory waits on a disk, statistics must not: a
/// caller gets the last known size at once, and a stale one is refreshed in the background. Nobody
/// asking means no work.
class UsageSampler {
 public:
  struct Sample {
    std::int64_t taken_ns = 0;
    image::Snapshotter::Usage usage;
  };
  UsageSampler(const image::Snapshotter& snapshots, Lane& background)
      : snapshots_(snapshots), background_(background) {}

  /// Absent until the first walk has finished.
  std::optional<Sample> get(const std::string& container_id);
  void forget(const std::string& container_id);

 private:
  struct Entry {
    std::optional<Sample> sample;
    bool walking = false;
  };
  void walk(const std::string& container_id);
  static constexpr std::int64_t kFreshNs = 10'000'000'000;
  const image::Snapshotter& snapshots_;
  Lane& background_;
  Guarded<std::map<std::string, Entry>> entries_;
};

}  // namespace berth::daemon
