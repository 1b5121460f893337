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

/// One write to one control file, in terms of no particular group.
struct Setting {
  std::string_view controller;  ///< whose hierarchy the file is in
  std::string file;
  std::string value;
  bool may_be_missing = false;    ///< a file that the kernel does not have changes nothing
  bool retry_after_next = false;  ///< refused with EINVAL: the next one first, then this again
};

/// Arithmetic that v1 and v2 share. No kernel involved.

/// What the kernel's cpu.weight must be for these cpu.shares: the quadratic mapping of the OCI
/// runtimes since 2025, in which 1024 shares are weight 100. 0 (unset) stays 0.
std::uint64_t weight_of_shares(std::uint64_t shares);

/// cpu.shares as the kernel would clamp it: 2 to 262144.
std::uint64_t clamp_shares(std::uint64_t shares);

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

/// Refuses, naming field and value, what no kernel takes: bad lists, page sizes, unified keys.
Result<void> check_resources(const oci::Resources& resources);

/// Whether anything in `resources` needs this controller.
bool needs_controller(const oci::Resources& resources, std::string_view controller);

}  // namespace berth::runtime::cgroup
