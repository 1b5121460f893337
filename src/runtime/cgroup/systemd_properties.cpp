// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/systemd_properties.hpp"

#include <optional>
#include <utility>

#include "base/cat.hpp"
#include "runtime/cgroup/resources.hpp"
#include "runtime/cgroup/stats.hpp"

namespace berth::runtime::cgroup {
namespace {

constexpr std::uint64_t kInfinity = UINT64_MAX;
constexpr std::uint64_t kDefaultPeriod = 100000;

std::uint64_t or_infinity(std::int64_t value) {
  return value < 0 ? kInfinity : static_cast<std::uint64_t>(value);
}

/// systemd keeps whole percents: what is between two becomes the larger, as the kernel would grant it.
std::uint64_t quota_per_second(std::uint64_t quota, std::uint64_t period) {
  constexpr std::uint64_t kSecond = 1000000;
  constexpr std::uint64_t kPercent = 10000;
  if (quota > UINT64_MAX / kSecond - kPercent) return kInfinity;
  return (quota * kSecond / period + kPercent - 1) / kPercent * kPercent;
}

std::uint64_t period_of(std::string_view cpu_max) {
  const std::size_t blank = cpu_max.find(' ');
  if (blank == std::string_view::npos) return kDefaultPeriod;
  const auto period = parse_number(cpu_max.substr(blank + 1));
  return period.value_or(0) == 0 ? kDefaultPeriod : *period;
}

void add_cpu(const oci::Resources& resources, std::string_view cpu_max, std::vector<UnitProperty>& out) {
  if (const auto weight = weight_of_shares(resources.cpu_shares.value_or(0));
      weight != 0 && resources.cpu_idle != 1) {
    out.push_back({"CPUWeight", weight});
  }
  const std::int64_t quota = resources.cpu_quota.value_or(0);
  const std::uint64_t period = resources.cpu_period.value_or(0);
  if (period != 0) out.push_back({"CPUQuotaPeriodUSec", period});
  if (quota < 0) out.push_back({"CPUQuotaPerSecUSec", kInfinity});
  if (quota <= 0) return;
  const std::uint64_t over = period != 0 ? period : period_of(cpu_max);
  out.push_back({"CPUQuotaPerSecUSec", quota_per_second(static_cast<std::uint64_t>(quota), over)});
}

/// Bit n of byte n/8 for each number of a list.
std::vector<std::uint8_t> bitmap(std::string_view list) {
  std::vector<std::uint8_t> bytes;
  const auto ranges = parse_cpu_list(list);
  if (!ranges) return bytes;
  for (const auto& [first, last] : *ranges) {
    if (bytes.size() <= last / 8) bytes.resize(last / 8 + 1);
    for (unsigned number = first; number <= last; ++number)
      bytes[number / 8] = static_cast<std::uint8_t>(bytes[number / 8] | (1U << (number % 8)));
  }
  return bytes;
}

void add_list(const char* name, std::string_view list, std::vector<UnitProperty>& out) {
  if (std::vector<std::uint8_t> bits = bitmap(list); !bits.empty()) out.push_back({name, std::move(bits)});
}

void add_memory(const oci::Resources& resources, std::vector<UnitProperty>& out) {
  const auto limits = memory_limits(resources);
  if (!limits) return;
  if (limits->limit) out.push_back({"MemoryMax", or_infinity(*limits->limit)});
  if (limits->memory_plus_swap) {
    const std::int64_t total = *limits->memory_plus_swap;
    out.push_back({"MemorySwapMax", total < 0 ? kInfinity : or_infinity(total - *limits->limit)});
  }
  if (resources.memory_reservation.value_or(0) != 0)
    out.push_back({"MemoryLow", or_infinity(*resources.memory_reservation)});
}

/// Verbatim files that systemd has a property for; the others it leaves alone.
void add_unified(const oci::Resources& resources, std::vector<UnitProperty>& out) {
  constexpr std::pair<std::string_view, const char*> kNumbers[] = {
      {"cpu.weight", "CPUWeight"},   {"memory.min", "MemoryMin"}, {"memory.low", "MemoryLow"},
      {"memory.high", "MemoryHigh"}, {"memory.max", "MemoryMax"}, {"memory.swap.max", "MemorySwapMax"},
      {"pids.max", "TasksMax"}};
  for (const auto& [file, text] : resources.unified) {
    for (const auto& [known, property] : kNumbers) {
      if (known != file) continue;
      if (const auto number = text == "max" ? std::optional(kInfinity) : parse_number(text))
        out.push_back({property, *number});
    }
    if (file == "cpuset.cpus") add_list("AllowedCPUs", text, out);
    if (file == "cpuset.mems") add_list("AllowedMemoryNodes", text, out);
    if (file != "cpu.max") continue;
    const auto quota = text.starts_with("max") ? std::optional(kInfinity) : parse_number(text);
    if (!quota) continue;
    const std::uint64_t period = period_of(text);
    out.push_back({"CPUQuotaPeriodUSec", period});
    out.push_back({"CPUQuotaPerSecUSec", *quota == kInfinity ? kInfinity : quota_per_second(*quota, period)});
  }
}

}  // namespace

std::vector<UnitProperty> unit_properties(const UnitPlace& place, pid_t first) {
  std::vector<UnitProperty> out = {
      {"Description", cat("berth container ", place.unit)},
      {"DefaultDependencies", false},
      {"CollectMode", std::string("inactive-or-failed")},
      {"CPUAccounting", true},
      {"MemoryAccounting", true},
      {"IOAccounting", true},
      {"TasksAccounting", true},
  };
  if (place.is_slice) return out;
  out.push_back({"Slice", place.slice});
  out.push_back({"Delegate", true});
  out.push_back({"PIDs", std::vector<std::uint32_t>{static_cast<std::uint32_t>(first)}});
  return out;
}

std::vector<UnitProperty> limit_properties(const oci::Resources& resources, std::string_view cpu_max_before) {
  std::vector<UnitProperty> out;
  add_cpu(resources, cpu_max_before, out);
  add_memory(resources, out);
  if (resources.pids_limit) {
    const std::int64_t limit = *resources.pids_limit;
    out.push_back({"TasksMax", limit == 0 ? std::uint64_t{1} : or_infinity(limit)});
  }
  if (resources.block_io.weight.value_or(0) != 0)
    out.push_back({"IOWeight", io_weight_of(*resources.block_io.weight)});
  add_list("AllowedCPUs", resources.cpuset_cpus, out);
  add_list("AllowedMemoryNodes", resources.cpuset_mems, out);
  add_unified(resources, out);
  return out;
}

}  // namespace berth::runtime::cgroup
