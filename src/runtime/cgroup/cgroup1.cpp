// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/cgroup1.hpp"

#include <string>

#include "base/cat.hpp"

namespace berth::runtime::cgroup {
namespace {

std::vector<Setting> v1_cpu(const oci::Resources& resources) {
  std::vector<Setting> settings;
  if (const auto shares = resources.cpu_shares.value_or(0); shares != 0) {
    settings.push_back({"cpu", "cpu.shares", std::to_string(clamp_shares(shares))});
  }
  const std::int64_t quota = resources.cpu_quota.value_or(0);
  if (const auto period = resources.cpu_period.value_or(0); period != 0) {
    // A longer period with the old quota may be below, a shorter one above what the parent grants.
    settings.push_back({"cpu", "cpu.cfs_period_us", std::to_string(period), false, quota != 0});
  }
  if (quota != 0) settings.push_back({"cpu", "cpu.cfs_quota_us", std::to_string(quota)});
  return settings;
}

std::vector<Setting> v1_cpuset(const oci::Resources& resources) {
  std::vector<Setting> settings;
  if (!resources.cpuset_cpus.empty()) settings.push_back({"cpuset", "cpuset.cpus", resources.cpuset_cpus});
  if (!resources.cpuset_mems.empty()) settings.push_back({"cpuset", "cpuset.mems", resources.cpuset_mems});
  return settings;
}

Result<std::vector<Setting>> v1_memory(const oci::Resources& resources, const MemoryBefore& before) {
  ASSIGN_OR_RETURN(const MemoryLimits limits, memory_limits(resources));
  std::vector<Setting> settings;
  if (limits.limit) settings.push_back({"memory", "memory.limit_in_bytes", std::to_string(*limits.limit)});
  if (limits.memory_plus_swap) {
    const std::int64_t swap = *limits.memory_plus_swap;
    // Without swap accounting "no swap limit" and "no swap at all" are what there is anyway.
    const bool harmless = swap == -1 || swap == limits.limit;
    settings.push_back({"memory", "memory.memsw.limit_in_bytes", std::to_string(swap), harmless});
  }
  if (settings.size() == 2) {
    const std::uint64_t target = *limits.limit == -1 ? UINT64_MAX : static_cast<std::uint64_t>(*limits.limit);
    if (target > before.memory_plus_swap) std::swap(settings[0], settings[1]);
    settings[0].retry_after_next = true;  // somebody else changed them since `before` was read
  }
  if (const auto soft = resources.memory_reservation.value_or(0); soft != 0) {
    settings.push_back({"memory", "memory.soft_limit_in_bytes", std::to_string(soft)});
  }
  return settings;
}

std::vector<Setting> v1_pids(const oci::Resources& resources) {
  const std::int64_t limit = *resources.pids_limit;
  // 0 would keep out even the process that a container consists of.
  return {{"pids", "pids.max", limit < 0 ? "max" : std::to_string(limit == 0 ? 1 : limit)}};
}

std::vector<Setting> v1_hugetlb(const oci::Resources& resources) {
  std::vector<Setting> settings;
  for (const oci::HugepageLimit& huge : resources.hugepages) {
    const std::string value = std::to_string(huge.limit);
    settings.push_back({"hugetlb", cat("hugetlb.", huge.page_size, ".limit_in_bytes"), value});
    settings.push_back({"hugetlb", cat("hugetlb.", huge.page_size, ".rsvd.limit_in_bytes"), value, true});
  }
  return settings;
}

}  // namespace

Result<std::vector<Setting>> v1_settings(std::string_view controller, const oci::Resources& resources,
                                         const MemoryBefore& before) {
  if (!needs_controller(resources, controller)) return std::vector<Setting>{};
  if (controller == "cpu") return v1_cpu(resources);
  if (controller == "cpuset") return v1_cpuset(resources);
  if (controller == "memory") return v1_memory(resources, before);
  if (controller == "pids") return v1_pids(resources);
  if (controller == "hugetlb") return v1_hugetlb(resources);
  return std::vector<Setting>{};
}

}  // namespace berth::runtime::cgroup
