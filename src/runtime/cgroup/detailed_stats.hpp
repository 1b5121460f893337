// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "runtime/cgroup/manager.hpp"

namespace berth::runtime::cgroup {

struct Layout;

struct CpuDetails {
  std::optional<std::uint64_t> user_ns, system_ns;
  std::optional<std::uint64_t> periods, throttled_periods, throttled_ns;
  std::vector<std::uint64_t> per_cpu_ns;  ///< v1 only
  Pressure pressure;
};

struct MemoryDetails {
  std::optional<std::uint64_t> peak;        ///< bytes
  std::optional<std::uint64_t> swap_limit;  ///< v1: memory + swap; absent: unlimited
  std::optional<std::uint64_t> limit_hits, oom_kills;
  std::optional<std::uint64_t> kernel, kernel_tcp;  ///< v1 only
  std::map<std::string, std::uint64_t> numbers;     ///< memory.stat
  Pressure pressure;
};

struct IoUsage {
  std::string device;  ///< "8:0"
  std::uint64_t read_bytes = 0, write_bytes = 0, discard_bytes = 0;
  std::uint64_t read_operations = 0, write_operations = 0, discard_operations = 0;
};

struct HugepageUsage {
  std::string page_size;  ///< "2MB"
  std::uint64_t usage = 0;
  std::optional<std::uint64_t> limit;  ///< absent: unlimited
  std::optional<std::uint64_t> limit_hits;
  std::optional<std::uint64_t> peak;  ///< v1 only
};

/// What `events --stats` prints: the counters of Stats and everything else that a group tells.
struct DetailedStats {
  Stats basic;
  CpuDetails cpu;
  MemoryDetails memory;
  std::vector<IoUsage> io;
  Pressure io_pressure;
  std::optional<std::uint64_t> pids_limit;  ///< absent: unlimited
  std::vector<int> processes;               ///< of the group and all below, as one hierarchy has them
  std::vector<HugepageUsage> hugepages;
  std::map<std::string, oci::RdmaLimit> rdma_usage, rdma_limits;  ///< by device
};

/// The parts of DetailedStats, each from one file. Lines that cannot be read are passed over: newer
/// kernels have more than this knows. Pure.

/// "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6": io.stat.
std::vector<IoUsage> parse_io_stat(std::string_view text);

/// "8:0 Read 123": the service files of v1, bytes and operations; lines of both are merged by device.
std::vector<IoUsage> parse_blkio(std::string_view bytes, std::string_view operations);

/// "mlx4_0 hca_handle=2 hca_object=max": rdma.current, rdma.max. `max` is left out.
std::map<std::string, oci::RdmaLimit> parse_rdma(std::string_view text);

/// Every "key number" line: memory.stat.
std::map<std::string, std::uint64_t> parse_numbers(std::string_view text);

/// All that the kernel tells of a group; what it does not is absent. About 20 files.
DetailedStats collect_detailed_stats(const Layout& layout, const std::string& group);

}  // namespace berth::runtime::cgroup
