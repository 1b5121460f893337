// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "runtime/oci/resources.hpp"

namespace berth::runtime::cgroup {

/// What is looked at after a write that the kernel took, because it may have taken something else.
enum class ReadBack : std::uint8_t {
  kNothing,
  kSame,       ///< the file holds the value: v1 clamps shares silently
  kEffective,  ///< the file's ".effective" covers the list: v2 takes CPUs that the parent lacks
};

/// One write to one control file, in terms of no particular group.
struct Setting {
  std::string_view controller;  ///< whose hierarchy the file is in
  std::string file;
  std::string value;
  bool may_be_missing = false;  ///< a file that the kernel does not have changes nothing
  bool may_come_later = false;  ///< refused with EINVAL: again, after the next one that may not
  std::string other_file;       ///< used, with `other_value`, where the kernel has no `file`
  std::string other_value;
  /// A file with a line per device: which line this is, and what takes it away again.
  std::string key;
  std::string reset;
  ReadBack read_back = ReadBack::kNothing;
};

/// Arithmetic that v1 and v2 share. No kernel involved.

/// What the kernel's cpu.weight must be for these cpu.shares: the quadratic mapping of the OCI
/// runtimes since 2025, in which 1024 shares are weight 100. 0 (unset) stays 0.
std::uint64_t weight_of_shares(std::uint64_t shares);

/// What io.weight (1 to 10000) must be for a blkio weight (10 to 1000).
std::uint64_t io_weight_of(std::uint64_t weight);

/// Memory and memory+swap limits after the rules of the OCI specification: 0 is "leave", an
/// unlimited memory limit alone lifts the swap limit too, swap needs a limit and is never below it.
struct MemoryLimits {
  std::optional<std::int64_t> limit;             ///< bytes; -1 unlimited
  std::optional<std::int64_t> memory_plus_swap;  ///< bytes; -1 unlimited
};
Result<MemoryLimits> memory_limits(const oci::Resources& resources);

/// "0-3,5" as closed ranges, in the order given. kInvalidArgument for anything the kernel's list
/// syntax does not have, and for numbers above 65535.
Result<std::vector<std::pair<unsigned, unsigned>>> parse_cpu_list(std::string_view text);

/// Whether every number of the list `wanted` is in the list `offered`; false for malformed ones.
bool covers_list(std::string_view offered, std::string_view wanted);

/// rdma.max is the same in both versions.
std::vector<Setting> rdma_settings(const oci::Resources& resources);

/// Refuses, naming field and value, what no kernel takes: bad lists, page sizes, unified keys.
Result<void> check_resources(const oci::Resources& resources);

/// Whether anything in `resources` needs this controller, by its v1 name ("blkio") or v2 name ("io").
bool needs_controller(const oci::Resources& resources, std::string_view controller);

}  // namespace berth::runtime::cgroup
