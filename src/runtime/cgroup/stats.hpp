// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/cgroup/hierarchies.hpp"
#include "runtime/cgroup/manager.hpp"

namespace berth::runtime::cgroup {

/// A decimal number at the start of `text`; absent for "max" and for anything else.
std::optional<std::uint64_t> parse_number(std::string_view text);

/// The value after `key` in a "key value" per line file.
std::optional<std::uint64_t> find_key(std::string_view text, std::string_view key);

/// memory.stat of v1 (the hierarchical total_* lines) and of v2 into `stats`; the working set needs
/// stats.memory_usage to be known already.
void parse_memory_stat_v1(std::string_view text, Stats& stats);
void parse_memory_stat_v2(std::string_view text, Stats& stats);

/// "some avg10=0.12 avg60=... total=123": a v2 *.pressure file. No heap.
Pressure parse_pressure(std::string_view text);

/// v1 tells "unlimited" as the largest page-aligned number; whatever no machine has is unlimited.
std::optional<std::uint64_t> limit_or_unlimited(std::optional<std::uint64_t> bytes);

/// CPU time, memory without its limit, and pressure: a thousand of these answer one ListContainerStats, and
/// each file costs some 10 us. No heap. What cannot be read stays absent.
Stats collect_usage(const Layout& layout, const std::string& group);

/// All counters of a group.
Stats collect_stats(const Layout& layout, const std::string& group);

}  // namespace berth::runtime::cgroup
