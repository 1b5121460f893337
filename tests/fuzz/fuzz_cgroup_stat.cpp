// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/cgroup/detailed_stats.hpp"
#include "runtime/cgroup/stats.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace berth::runtime::cgroup;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Stats stats;
  stats.memory_usage = parse_number(text);
  parse_memory_stat_v1(text, stats);
  parse_memory_stat_v2(text, stats);
  if (stats.memory_working_set > stats.memory_usage) __builtin_trap();
  (void)find_key(text, "usage_usec");
  (void)parse_pressure(text);
  (void)parse_io_stat(text);
  (void)parse_blkio(text, text);
  (void)parse_rdma(text);
  (void)parse_numbers(text);
  return 0;
}
