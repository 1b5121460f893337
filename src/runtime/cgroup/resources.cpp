// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/resources.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/cat.hpp"

namespace berth::runtime::cgroup {
namespace {

constexpr std::uint64_t kMinShares = 2;
constexpr std::uint64_t kMaxShares = 262144;

Error refused(std::string_view field, std::string_view value, std::string_view problem) {
  return {Code::kInvalidArgument, cat(field, " \"", value.substr(0, 256), "\" ", problem)};
}

bool take_number(std::string_view& text, unsigned& number) {
  constexpr unsigned kHighest = 65535;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || number > kHighest) return false;
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  return true;
}

template <class Number>
bool is_set(const std::optional<Number>& number) {
  return number.value_or(0) != 0;
}

bool needs_cpu(const oci::Resources& resources) {
  return is_set(resources.cpu_shares) || is_set(resources.cpu_quota) || is_set(resources.cpu_period) ||
         resources.cpu_burst || is_set(resources.cpu_rt_runtime) || is_set(resources.cpu_rt_period) ||
         resources.cpu_idle;
}

bool needs_memory(const oci::Resources& resources) {
  return is_set(resources.memory_limit) || is_set(resources.memory_swap) ||
         is_set(resources.memory_reservation) || is_set(resources.memory_kernel) ||
         is_set(resources.memory_kernel_tcp) || resources.memory_swappiness ||
         resources.memory_disable_oom_killer || resources.memory_use_hierarchy;
}

bool needs_block_io(const oci::BlockIo& io) {
  return is_set(io.weight) || is_set(io.leaf_weight) || !io.weight_devices.empty() || !io.read_bps.empty() ||
         !io.write_bps.empty() || !io.read_iops.empty() || !io.write_iops.empty();
}

}  // namespace

std::uint64_t weight_of_shares(std::uint64_t shares) {
  if (shares == 0) return 0;
  if (shares <= kMinShares) return 1;
  if (shares >= kMaxShares) return 10000;
  const double l = std::log2(static_cast<double>(shares));
  const double exponent = (l * l + 125.0 * l) / 612.0 - 7.0 / 34.0;
  return static_cast<std::uint64_t>(std::ceil(std::pow(10.0, exponent)));
}

std::uint64_t io_weight_of(std::uint64_t weight) {
  return 1 + (std::max<std::uint64_t>(weight, 10) - 10) * 9999 / 990;
}

Result<MemoryLimits> memory_limits(const oci::Resources& resources) {
  MemoryLimits limits;
  if (resources.memory_limit.value_or(0) != 0) limits.limit = resources.memory_limit;
  if (resources.memory_swap.value_or(0) != 0) limits.memory_plus_swap = resources.memory_swap;
  if (limits.limit == -1 && !limits.memory_plus_swap) limits.memory_plus_swap = -1;
  const std::int64_t swap = limits.memory_plus_swap.value_or(-1);
  if (swap == -1) return limits;
  if (!limits.limit || *limits.limit == -1) {
    return refused("memory+swap limit", std::to_string(swap), "is given without a memory limit");
  }
  if (swap < *limits.limit) {
    return refused("memory+swap limit", std::to_string(swap),
                   cat("is below the memory limit ", *limits.limit));
  }
  return limits;
}

Result<std::vector<std::pair<unsigned, unsigned>>> parse_cpu_list(std::string_view text) {
  const std::string_view whole = text;
  std::vector<std::pair<unsigned, unsigned>> ranges;
  for (;;) {
    unsigned first = 0;
    if (!take_number(text, first)) return refused("list", whole, "has no number where one must be");
    unsigned last = first;
    if (text.starts_with('-')) {
      text.remove_prefix(1);
      if (!take_number(text, last) || last < first) return refused("list", whole, "has a malformed range");
    }
    ranges.emplace_back(first, last);
    if (text.empty()) return ranges;
    if (text.front() != ',') return refused("list", whole, "has something else than a comma between ranges");
    text.remove_prefix(1);
  }
}

bool covers_list(std::string_view offered, std::string_view wanted) {
  const auto have = parse_cpu_list(offered);
  const auto want = parse_cpu_list(wanted);
  if (!have || !want) return false;
  const auto has = [&](unsigned number) {
    return std::any_of(have->begin(), have->end(), [number](const auto& range) {
      return range.first <= number && number <= range.second;
    });
  };
  for (const auto& [first, last] : *want) {
    for (unsigned number = first; number <= last; ++number) {
      if (!has(number)) return false;
    }
  }
  return true;
}

std::vector<Setting> rdma_settings(const oci::Resources& resources) {
  std::vector<Setting> settings;
  for (const auto& [device, limit] : resources.rdma) {
    std::string value = device;
    if (limit.handles) value.append(cat(" hca_handle=", *limit.handles));
    if (limit.objects) value.append(cat(" hca_object=", *limit.objects));
    if (value == device) continue;
    Setting setting{"rdma", "rdma.max", std::move(value)};
    setting.key = device;
    setting.reset = cat(device, " hca_handle=max hca_object=max");
    settings.push_back(std::move(setting));
  }
  return settings;
}

bool needs_controller(const oci::Resources& resources, std::string_view controller) {
  if (controller == "cpu") return needs_cpu(resources);
  if (controller == "cpuset") return !resources.cpuset_cpus.empty() || !resources.cpuset_mems.empty();
  if (controller == "memory") return needs_memory(resources);
  if (controller == "pids") return resources.pids_limit.has_value();
  if (controller == "hugetlb") return !resources.hugepages.empty();
  if (controller == "blkio" || controller == "io") return needs_block_io(resources.block_io);
  if (controller == "net_cls") return is_set(resources.network_class);
  if (controller == "net_prio") return !resources.network_priorities.empty();
  if (controller == "rdma") return !resources.rdma.empty();
  return false;
}

}  // namespace berth::runtime::cgroup
