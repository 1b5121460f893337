// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace berth::oci {

/// Resource limits of the OCI runtime-spec 1.3 (config-linux.md, "Control groups"), whole. Absent
/// means: leave as it is. What a value means is runtime/cgroup's to know; nothing is checked here.
struct HugepageLimit {
  std::string page_size;  ///< "2MB", "1GB"
  std::uint64_t limit = 0;
};

struct DeviceRule {
  bool allow = false;
  char type = 'a';  ///< 'a', 'b', 'c'
  std::optional<std::int64_t> major;
  std::optional<std::int64_t> minor;
  std::string access;  ///< subset of "rwm"
};

struct WeightDevice {
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::optional<std::uint16_t> weight;
  std::optional<std::uint16_t> leaf_weight;
};

struct ThrottleDevice {
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::uint64_t rate = 0;  ///< bytes or operations per second; 0 unlimited
};

struct BlockIo {
  std::optional<std::uint16_t> weight;  ///< 10 to 1000; 0 leaves
  std::optional<std::uint16_t> leaf_weight;
  std::vector<WeightDevice> weight_devices;
  std::vector<ThrottleDevice> read_bps, write_bps, read_iops, write_iops;
};

struct InterfacePriority {
  std::string name;
  std::uint32_t priority = 0;
};

struct RdmaLimit {
  std::optional<std::uint32_t> handles;
  std::optional<std::uint32_t> objects;
};

struct Resources {
  std::optional<std::uint64_t> cpu_shares;
  std::optional<std::int64_t> cpu_quota;  ///< microseconds per period; -1 unlimited
  std::optional<std::uint64_t> cpu_period;
  std::optional<std::uint64_t> cpu_burst;  ///< microseconds
  std::optional<std::int64_t> cpu_rt_runtime;
  std::optional<std::uint64_t> cpu_rt_period;
  std::optional<std::int64_t> cpu_idle;  ///< 1: SCHED_IDLE for the whole group
  std::string cpuset_cpus;               ///< empty: leave
  std::string cpuset_mems;
  std::optional<std::int64_t> memory_limit;  ///< bytes; -1 unlimited
  std::optional<std::int64_t> memory_swap;   ///< memory + swap in bytes; -1 unlimited
  std::optional<std::int64_t> memory_reservation;
  std::optional<std::int64_t> memory_kernel;
  std::optional<std::int64_t> memory_kernel_tcp;
  std::optional<std::uint64_t> memory_swappiness;  ///< 0 to 100
  std::optional<bool> memory_disable_oom_killer;
  std::optional<bool> memory_use_hierarchy;
  bool memory_check_before_update = false;  ///< refuse a limit below the usage
  std::optional<std::int64_t> pids_limit;   ///< -1 unlimited
  BlockIo block_io;
  std::vector<HugepageLimit> hugepages;
  std::optional<std::uint32_t> network_class;
  std::vector<InterfacePriority> network_priorities;
  std::map<std::string, RdmaLimit> rdma;       ///< by device
  std::vector<DeviceRule> devices;             ///< evaluated in order, the last match wins
  std::map<std::string, std::string> unified;  ///< cgroup v2 files, verbatim
};

}  // namespace berth::oci
