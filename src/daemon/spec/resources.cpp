// SPDX-License-Identifier: Apache-2.0
#include "daemon/spec/resources.hpp"

namespace berth::daemon {

oci::Resources to_oci(const cri::LinuxContainerResources& in) {
  oci::Resources out;
  if (in.cpu_period() > 0) out.cpu_period = static_cast<std::uint64_t>(in.cpu_period());
  if (in.cpu_quota() != 0) out.cpu_quota = in.cpu_quota();
  if (in.cpu_shares() > 0) out.cpu_shares = static_cast<std::uint64_t>(in.cpu_shares());
  out.cpuset_cpus = in.cpuset_cpus();
  out.cpuset_mems = in.cpuset_mems();
  if (in.memory_limit_in_bytes() != 0) out.memory_limit = in.memory_limit_in_bytes();
  if (in.memory_swap_limit_in_bytes() != 0) {
    out.memory_swap = in.memory_swap_limit_in_bytes();
  } else if (in.memory_limit_in_bytes() > 0) {
    out.memory_swap = in.memory_limit_in_bytes();
  }
  for (const auto& page : in.hugepage_limits()) out.hugepages.push_back({page.page_size(), page.limit()});
  for (const auto& [file, value] : in.unified()) out.unified[file] = value;
  return out;
}

cri::LinuxContainerResources merge(const cri::LinuxContainerResources& current,
                                   const cri::LinuxContainerResources& update) {
  cri::LinuxContainerResources merged = current;
  if (update.hugepage_limits_size() > 0) merged.clear_hugepage_limits();
  merged.MergeFrom(update);  // proto3: fields at their default are left as they were
  return merged;
}

}  // namespace berth::daemon
