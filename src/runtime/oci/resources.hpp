// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace berth::oci {

/// Resource limits of the OCI runtime-spec (config-linux.md, "Control groups"), as far as a
/// container engine sets them. Absent means: leave as it is.
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

struct Resources {
  std::optional<std::uint64_t> cpu_shares;
  std::optional<std::int64_t> cpu_quota;  ///< microseconds per period; -1 unlimited
  std::optional<std::uint64_t> cpu_period;
  std::string cpuset_cpus;  ///< empty: leave
  std::string cpuset_mems;
  std::optional<std::int64_t> memory_limit;  ///< bytes; -1 unlimited
  std::optional<std::int64_t> memory_swap;   ///< memory + swap in bytes; -1 unlimited
  std::optional<std::int64_t> memory_reservation;
  std::optional<std::int64_t> pids_limit;  ///< -1 unlimited
  std::vector<HugepageLimit> hugepages;
  std::vector<DeviceRule> devices;             ///< evaluated in order, the last match wins
  std::map<std::string, std::string> unified;  ///< cgroup v2 files, verbatim
};

}  // namespace berth::oci
