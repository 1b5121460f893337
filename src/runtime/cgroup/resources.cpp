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

Error invalid(std::string_view field, std::string_view value, std::string_view problem) {
  return {Code::kInvalidArgument, cat(field, " \"", value.substr(0, 256), "\" ", problem)};
}

bool take_number(std::string_view& text, unsigned& number) {
  constexpr unsigned kHighest = 65535;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || number > kHighest) return false;
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  return true;
}

Result<void> check_list(std::string_view field, const std::string& list) {
  if (list.empty()) return {};
  return Result<void>(parse_cpu_list(list) ? Result<void>()
                                           : Result<void>(invalid(field, list, "is not a list like 0-3,5")));
}

Result<void> check_page_size(const std::string& size) {
  const std::size_t digits = size.find_first_not_of("0123456789");
  const std::string_view unit =
      digits == std::string::npos ? std::string_view() : std::string_view(size).substr(digits);
  if (digits == 0 || digits > 8 || (unit != "KB" && unit != "MB" && unit != "GB")) {
    return invalid("huge page size", size, "is not of the form 2MB");
  }
  return {};
}

// The caller decides which files a workload may set; these could never be right: another group's
// files, and the core's own, by which processes are moved and killed.
Result<void> check_unified_key(const std::string& key) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == 'A' || c == 'B' ||
           c == 'G' || c == 'K' || c == 'M';
  };
  const bool well_formed = std::all_of(key.begin(), key.end(), plain) &&
                           key.find("..") == std::string::npos && key.find('.') != std::string::npos &&
                           key.front() != '.' && key.size() < 256;
  if (!well_formed) return invalid("unified key", key, "is not the name of a cgroup v2 file");
  if (key.starts_with("cgroup.")) return invalid("unified key", key, "is not a limit");
  return {};
}

Result<void> check_at_least(std::string_view field, const std::optional<std::int64_t>& value,
                            std::int64_t least) {
  if (value && *value < least) return invalid(field, std::to_string(*value), cat("is below ", least));
  return {};
}

}  // namespace

std::uint64_t clamp_shares(std::uint64_t shares) {
  return std::clamp(shares, kMinShares, kMaxShares);
}

std::uint64_t weight_of_shares(std::uint64_t shares) {
  if (shares == 0) return 0;
  if (shares <= kMinShares) return 1;
  if (shares >= kMaxShares) return 10000;
  const double l = std::log2(static_cast<double>(shares));
  const double exponent = (l * l + 125.0 * l) / 612.0 - 7.0 / 34.0;
  return static_cast<std::uint64_t>(std::ceil(std::pow(10.0, exponent)));
}

Result<MemoryLimits> memory_limits(const oci::Resources& resources) {
  MemoryLimits limits;
  if (resources.memory_limit.value_or(0) != 0) limits.limit = resources.memory_limit;
  if (resources.memory_swap.value_or(0) != 0) limits.memory_plus_swap = resources.memory_swap;
  if (limits.limit == -1 && !limits.memory_plus_swap) limits.memory_plus_swap = -1;
  const std::int64_t swap = limits.memory_plus_swap.value_or(-1);
  if (swap == -1) return limits;
  if (!limits.limit || *limits.limit == -1) {
    return invalid("memory+swap limit", std::to_string(swap), "is given without a memory limit");
  }
  if (swap < *limits.limit) {
    return invalid("memory+swap limit", std::to_string(swap),
                   cat("is below the memory limit ", *limits.limit));
  }
  return limits;
}

Result<std::vector<std::pair<unsigned, unsigned>>> parse_cpu_list(std::string_view text) {
  const std::string_view whole = text;
  std::vector<std::pair<unsigned, unsigned>> ranges;
  for (;;) {
    unsigned first = 0;
    if (!take_number(text, first)) return invalid("list", whole, "has no number where one must be");
    unsigned last = first;
    if (text.starts_with('-')) {
      text.remove_prefix(1);
      if (!take_number(text, last) || last < first) return invalid("list", whole, "has a malformed range");
    }
    ranges.emplace_back(first, last);
    if (text.empty()) return ranges;
    if (text.front() != ',') return invalid("list", whole, "has something else than a comma between ranges");
    text.remove_prefix(1);
  }
}

Result<void> check_resources(const oci::Resources& resources) {
  RETURN_IF_ERROR(check_list("cpuset cpus", resources.cpuset_cpus));
  RETURN_IF_ERROR(check_list("cpuset mems", resources.cpuset_mems));
  RETURN_IF_ERROR(check_at_least("cpu quota", resources.cpu_quota, -1));
  RETURN_IF_ERROR(check_at_least("memory limit", resources.memory_limit, -1));
  RETURN_IF_ERROR(check_at_least("memory+swap limit", resources.memory_swap, -1));
  RETURN_IF_ERROR(check_at_least("memory reservation", resources.memory_reservation, -1));
  RETURN_IF_ERROR(check_at_least("pids limit", resources.pids_limit, -1));
  for (const oci::HugepageLimit& limit : resources.hugepages)
    RETURN_IF_ERROR(check_page_size(limit.page_size));
  for (const auto& [key, value] : resources.unified) RETURN_IF_ERROR(check_unified_key(key));
  auto limits = memory_limits(resources);
  return limits ? Result<void>() : Result<void>(std::move(limits).error());
}

bool needs_controller(const oci::Resources& resources, std::string_view controller) {
  if (controller == "cpu") {
    return resources.cpu_shares.value_or(0) != 0 || resources.cpu_quota.value_or(0) != 0 ||
           resources.cpu_period.value_or(0) != 0;
  }
  if (controller == "cpuset") return !resources.cpuset_cpus.empty() || !resources.cpuset_mems.empty();
  if (controller == "memory") {
    return resources.memory_limit.value_or(0) != 0 || resources.memory_swap.value_or(0) != 0 ||
           resources.memory_reservation.value_or(0) != 0;
  }
  if (controller == "pids") return resources.pids_limit.has_value();
  if (controller == "hugetlb") return !resources.hugepages.empty();
  return false;
}

}  // namespace berth::runtime::cgroup
