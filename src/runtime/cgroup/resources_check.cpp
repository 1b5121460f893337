// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "base/cat.hpp"
#include "runtime/cgroup/devices.hpp"
#include "runtime/cgroup/resources.hpp"

namespace berth::runtime::cgroup {
namespace {

constexpr std::int64_t kLastMajor = 4095;  // a dev_t of the kernel: 12 + 20 bits
constexpr std::int64_t kLastMinor = 1048575;
constexpr std::size_t kLongestWord = 255;

Error unfit(std::string_view field, std::string_view value, std::string_view problem) {
  return {Code::kInvalidArgument, cat(field, " \"", value.substr(0, 256), "\" ", problem)};
}

Result<void> check_list(std::string_view field, const std::string& list) {
  if (list.empty()) return {};
  return Result<void>(parse_cpu_list(list) ? Result<void>()
                                           : Result<void>(unfit(field, list, "is not a list like 0-3,5")));
}

Result<void> check_page_size(const std::string& size) {
  const std::size_t digits = size.find_first_not_of("0123456789");
  const std::string_view unit =
      digits == std::string::npos ? std::string_view() : std::string_view(size).substr(digits);
  if (digits == 0 || digits > 8 || (unit != "KB" && unit != "MB" && unit != "GB")) {
    return unfit("huge page size", size, "is not of the form 2MB");
  }
  return {};
}

Result<void> check_hugepages(const std::vector<oci::HugepageLimit>& limits) {
  std::set<std::string_view> seen;
  for (const oci::HugepageLimit& limit : limits) {
    RETURN_IF_ERROR(check_page_size(limit.page_size));
    if (!seen.insert(limit.page_size).second)
      return unfit("huge page size", limit.page_size, "is limited twice");
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
  if (!well_formed) return unfit("unified key", key, "is not the name of a cgroup v2 file");
  if (key.starts_with("cgroup.")) return unfit("unified key", key, "is not a limit");
  return {};
}

template <class Number>
Result<void> check_range(std::string_view field, const std::optional<Number>& value, Number least,
                         Number most) {
  if (value && *value < least) return unfit(field, std::to_string(*value), cat("is below ", least));
  if (value && *value > most) return unfit(field, std::to_string(*value), cat("is above ", most));
  return {};
}

Result<void> check_limit(std::string_view field, const std::optional<std::int64_t>& value) {
  return check_range<std::int64_t>(field, value, -1, INT64_MAX);
}

Result<void> check_numbers(std::string_view field, std::int64_t major, std::int64_t minor) {
  if (major >= 0 && major <= kLastMajor && minor >= 0 && minor <= kLastMinor) return {};
  return unfit(field, cat(major, ":", minor), "is not a device number");
}

Result<void> check_weight(std::string_view field, const std::optional<std::uint16_t>& weight) {
  if (weight.value_or(0) == 0) return {};
  return check_range<std::uint16_t>(field, weight, 10, 1000);
}

Result<void> check_throttles(std::string_view field, const std::vector<oci::ThrottleDevice>& devices) {
  std::set<std::pair<std::int64_t, std::int64_t>> seen;
  for (const oci::ThrottleDevice& device : devices) {
    RETURN_IF_ERROR(check_numbers(field, device.major, device.minor));
    if (!seen.emplace(device.major, device.minor).second)
      return unfit(field, cat(device.major, ":", device.minor), "is limited twice");
  }
  return {};
}

Result<void> check_block_io(const oci::BlockIo& io) {
  RETURN_IF_ERROR(check_weight("block IO weight", io.weight));
  RETURN_IF_ERROR(check_weight("block IO leaf weight", io.leaf_weight));
  for (const oci::WeightDevice& device : io.weight_devices) {
    RETURN_IF_ERROR(check_numbers("block IO weight device", device.major, device.minor));
    RETURN_IF_ERROR(check_weight("block IO weight", device.weight));
    RETURN_IF_ERROR(check_weight("block IO leaf weight", device.leaf_weight));
  }
  RETURN_IF_ERROR(check_throttles("throttled device", io.read_bps));
  RETURN_IF_ERROR(check_throttles("throttled device", io.write_bps));
  RETURN_IF_ERROR(check_throttles("throttled device", io.read_iops));
  return check_throttles("throttled device", io.write_iops);
}

// Both are the first word of a line that the kernel splits at blanks.
Result<void> check_word(std::string_view field, const std::string& word) {
  const bool good = !word.empty() && word.size() <= kLongestWord &&
                    std::all_of(word.begin(), word.end(), [](char c) { return c > ' ' && c < 0x7f; }) &&
                    word.find('/') == std::string::npos;
  return good ? Result<void>() : Result<void>(unfit(field, word, "is not a name"));
}

Result<void> check_cpu(const oci::Resources& resources) {
  RETURN_IF_ERROR(check_list("cpuset cpus", resources.cpuset_cpus));
  RETURN_IF_ERROR(check_list("cpuset mems", resources.cpuset_mems));
  RETURN_IF_ERROR(check_limit("cpu quota", resources.cpu_quota));
  RETURN_IF_ERROR(check_limit("realtime runtime", resources.cpu_rt_runtime));
  return check_range<std::int64_t>("cpu idle", resources.cpu_idle, 0, 1);
}

Result<void> check_memory(const oci::Resources& resources) {
  RETURN_IF_ERROR(check_limit("memory limit", resources.memory_limit));
  RETURN_IF_ERROR(check_limit("memory+swap limit", resources.memory_swap));
  RETURN_IF_ERROR(check_limit("memory reservation", resources.memory_reservation));
  RETURN_IF_ERROR(check_limit("kernel memory limit", resources.memory_kernel));
  RETURN_IF_ERROR(check_limit("kernel TCP memory limit", resources.memory_kernel_tcp));
  RETURN_IF_ERROR(check_range<std::uint64_t>("swappiness", resources.memory_swappiness, 0, 100));
  auto limits = memory_limits(resources);
  return limits ? Result<void>() : Result<void>(std::move(limits).error());
}

}  // namespace

Result<void> check_resources(const oci::Resources& resources) {
  RETURN_IF_ERROR(check_cpu(resources));
  RETURN_IF_ERROR(check_memory(resources));
  RETURN_IF_ERROR(check_limit("pids limit", resources.pids_limit));
  RETURN_IF_ERROR(check_hugepages(resources.hugepages));
  RETURN_IF_ERROR(check_block_io(resources.block_io));
  for (const auto& priority : resources.network_priorities)
    RETURN_IF_ERROR(check_word("network interface", priority.name));
  for (const auto& entry : resources.rdma) RETURN_IF_ERROR(check_word("rdma device", entry.first));
  for (const auto& [key, value] : resources.unified) {
    RETURN_IF_ERROR(check_unified_key(key));
    if (value.find('\0') != std::string::npos) return unfit("unified value of", key, "contains a NUL byte");
  }
  auto matches = device_matches(resources.devices);
  return matches ? Result<void>() : Result<void>(std::move(matches).error());
}

}  // namespace berth::runtime::cgroup
