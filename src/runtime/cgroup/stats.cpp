// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/stats.hpp"

#include <algorithm>
#include <charconv>

#include "runtime/cgroup/control_file.hpp"

namespace berth::runtime::cgroup {
namespace {

template <class Take>
void for_each_line(std::string_view text, Take&& take) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    const std::size_t blank = line.find(' ');
    if (blank != std::string_view::npos) take(line.substr(0, blank), line.substr(blank + 1));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

void set_working_set(Stats& stats, std::optional<std::uint64_t> inactive_file) {
  if (!stats.memory_usage) return;
  const std::uint64_t cold = inactive_file.value_or(0);
  stats.memory_working_set = *stats.memory_usage > cold ? *stats.memory_usage - cold : 0;
}

/// "avg10=12.34" when `name` is "avg10": the kernel writes two decimals.
std::optional<double> decimal_of(std::string_view word, std::string_view name) {
  if (!word.starts_with(name) || word.substr(name.size(), 1) != "=") return std::nullopt;
  const auto whole = parse_number(word.substr(name.size() + 1));
  if (!whole) return std::nullopt;
  const std::size_t point = word.find('.');
  const auto hundredths =
      point == std::string_view::npos ? std::nullopt : parse_number(word.substr(point + 1, 2));
  return static_cast<double>(*whole) + static_cast<double>(hundredths.value_or(0)) / 100.0;
}

PressureLine pressure_line(std::string_view words) {
  PressureLine line;
  while (!words.empty()) {
    const std::string_view word = words.substr(0, words.find(' '));
    words.remove_prefix(std::min(words.size(), word.size() + 1));
    if (const auto value = decimal_of(word, "avg10")) line.avg10 = *value;
    if (const auto value = decimal_of(word, "avg60")) line.avg60 = *value;
    if (const auto value = decimal_of(word, "avg300")) line.avg300 = *value;
    if (word.starts_with("total=")) line.total_us = parse_number(word.substr(6)).value_or(0);
  }
  return line;
}

void read_pressure(const Layout& layout, const std::string& group, ControlReader& reader, Stats& stats) {
  const MountedHierarchy* v2 = layout.unified();
  if (v2 == nullptr) return;
  stats.cpu_pressure = parse_pressure(reader.read(v2->root.get(), group, "cpu.pressure"));
  // A kernel without the first has none of them.
  if (!stats.cpu_pressure.some) return;
  stats.memory_pressure = parse_pressure(reader.read(v2->root.get(), group, "memory.pressure"));
  stats.io_pressure = parse_pressure(reader.read(v2->root.get(), group, "io.pressure"));
}

void read_cpu(const Layout& layout, const std::string& group, ControlReader& reader, Stats& stats) {
  if (const MountedHierarchy* v1 = layout.find("cpuacct"); v1 != nullptr) {
    stats.cpu_usage_ns = parse_number(reader.read(v1->root.get(), group, "cpuacct.usage")).value_or(0);
    return;
  }
  // cpu.stat has the usage even where the cpu controller is not enabled.
  if (const MountedHierarchy* v2 = layout.unified(); v2 != nullptr) {
    constexpr std::uint64_t kNsPerUs = 1000;
    stats.cpu_usage_ns =
        find_key(reader.read(v2->root.get(), group, "cpu.stat"), "usage_usec").value_or(0) * kNsPerUs;
  }
}

void read_memory(const MountedHierarchy& memory, const std::string& group, ControlReader& reader,
                 Stats& stats) {
  const int root = memory.root.get();
  if (memory.v2) {
    stats.memory_usage = parse_number(reader.read(root, group, "memory.current"));
    stats.swap_usage = parse_number(reader.read(root, group, "memory.swap.current"));
    parse_memory_stat_v2(reader.read(root, group, "memory.stat"), stats);
    return;
  }
  stats.memory_usage = parse_number(reader.read(root, group, "memory.usage_in_bytes"));
  parse_memory_stat_v1(reader.read(root, group, "memory.stat"), stats);
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc()) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> find_key(std::string_view text, std::string_view key) {
  std::optional<std::uint64_t> found;
  for_each_line(text, [&](std::string_view name, std::string_view value) {
    if (!found && name == key) found = parse_number(value);
  });
  return found;
}

std::optional<std::uint64_t> limit_or_unlimited(std::optional<std::uint64_t> bytes) {
  constexpr std::uint64_t kNoMachineHas = 1ULL << 60U;
  return bytes && *bytes < kNoMachineHas ? bytes : std::nullopt;
}

void parse_memory_stat_v1(std::string_view text, Stats& stats) {
  std::optional<std::uint64_t> inactive_file;
  for_each_line(text, [&](std::string_view name, std::string_view value) {
    if (!name.starts_with("total_")) return;
    name.remove_prefix(6);
    if (name == "inactive_file") inactive_file = parse_number(value);
    if (name == "rss") stats.memory_rss = parse_number(value);
    if (name == "pgfault") stats.page_faults = parse_number(value);
    if (name == "pgmajfault") stats.major_page_faults = parse_number(value);
    if (name == "swap") stats.swap_usage = parse_number(value);
  });
  set_working_set(stats, inactive_file);
}

void parse_memory_stat_v2(std::string_view text, Stats& stats) {
  std::optional<std::uint64_t> inactive_file;
  for_each_line(text, [&](std::string_view name, std::string_view value) {
    if (name == "inactive_file") inactive_file = parse_number(value);
    if (name == "anon") stats.memory_rss = parse_number(value);
    if (name == "pgfault") stats.page_faults = parse_number(value);
    if (name == "pgmajfault") stats.major_page_faults = parse_number(value);
  });
  set_working_set(stats, inactive_file);
}

Pressure parse_pressure(std::string_view text) {
  Pressure pressure;
  for_each_line(text, [&](std::string_view name, std::string_view values) {
    if (name == "some") pressure.some = pressure_line(values);
    if (name == "full") pressure.full = pressure_line(values);
  });
  return pressure;
}

Stats collect_usage(const Layout& layout, const std::string& group) {
  ControlReader reader;
  Stats stats;
  read_cpu(layout, group, reader, stats);
  read_pressure(layout, group, reader, stats);
  if (const MountedHierarchy* memory = layout.find("memory"); memory != nullptr)
    read_memory(*memory, group, reader, stats);
  return stats;
}

Stats collect_stats(const Layout& layout, const std::string& group) {
  Stats stats = collect_usage(layout, group);
  ControlReader reader;
  if (const MountedHierarchy* memory = layout.find("memory"); memory != nullptr) {
    const char* file = memory->v2 ? "memory.max" : "memory.limit_in_bytes";
    stats.memory_limit = limit_or_unlimited(parse_number(reader.read(memory->root.get(), group, file)));
  }
  if (const MountedHierarchy* pids = layout.find("pids"); pids != nullptr) {
    stats.pids = parse_number(reader.read(pids->root.get(), group, "pids.current"));
  }
  return stats;
}

}  // namespace berth::runtime::cgroup
