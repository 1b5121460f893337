// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/cri.hpp"
#include "runtime/cgroup/detailed_stats.hpp"
#include "runtime/net_counters.hpp"

namespace berth::daemon {

/// All that is known of a pod or a container at one moment: what its metrics are made of.
struct MetricSource {
  std::int64_t now_ns = 0;
  std::int64_t started_ns = 0;
  runtime::cgroup::DetailedStats group;
  std::vector<runtime::InterfaceCounters> interfaces;  ///< pods only

  struct Disk {
    std::string device;  ///< of the file system with the writable layers
    std::uint64_t used = 0, size = 0, inodes = 0, inodes_free = 0;
  };
  std::optional<Disk> disk;  ///< containers only, and once the writable layer was measured

  struct Processes {
    std::uint64_t count = 0;
    std::optional<std::uint64_t> descriptors, sockets;  ///< absent: too many to count
    std::optional<std::uint64_t> max_descriptors;       ///< soft limit of the first process
  };
  std::optional<Processes> processes;

  /// As applied.
  cri::LinuxContainerResources limits;
  std::string (*device_name)(const std::string& number) = nullptr;  ///< "/dev/sda" for "8:0"
};

struct MetricValue {
  std::vector<std::string> labels;  ///< of the metric itself, behind those that all have
  std::uint64_t value = 0;
};

/// One row of the table that both descriptors and values come from.
struct MetricKind {
  std::string_view family;
  std::string_view name;
  std::string_view help;
  cri::MetricType type;
  std::vector<std::string_view> labels;
  void (*collect)(const MetricSource&, std::vector<MetricValue>&);
};

/// In the order of their families and names. The CRI has whole numbers: seconds are rounded down.
const std::vector<MetricKind>& metric_kinds();

/// Labels of every metric, before its own: cgroup, ID, image, and the names that Kubernetes knows.
inline constexpr std::string_view kBaseLabels[] = {"id", "name", "image", "container", "pod", "namespace"};

}  // namespace berth::daemon
