// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/cgroup1.hpp"

#include <string>

#include "base/cat.hpp"

namespace berth::runtime::cgroup {
namespace {

Setting later(std::string_view controller, std::string file, std::string value) {
  Setting setting{controller, std::move(file), std::move(value)};
  setting.may_come_later = true;
  return setting;
}

// The kernel checks runtime <= period after each write, so either may have to be first.
void add_v1_realtime(const oci::Resources& resources, std::vector<Setting>& settings) {
  const std::int64_t runtime = resources.cpu_rt_runtime.value_or(0);
  if (const auto period = resources.cpu_rt_period.value_or(0); period != 0) {
    settings.push_back(later("cpu", "cpu.rt_period_us", std::to_string(period)));
    settings.back().may_come_later = runtime != 0;
  }
  if (runtime != 0) settings.push_back({"cpu", "cpu.rt_runtime_us", std::to_string(runtime)});
}

// burst <= quota, and quota / period is not above the parent's: what is refused now may be taken when
// the others have changed.
void add_v1_bandwidth(const oci::Resources& resources, std::vector<Setting>& settings) {
  const std::size_t first = settings.size();
  if (resources.cpu_burst)
    settings.push_back(later("cpu", "cpu.cfs_burst_us", std::to_string(*resources.cpu_burst)));
  if (const auto period = resources.cpu_period.value_or(0); period != 0)
    settings.push_back(later("cpu", "cpu.cfs_period_us", std::to_string(period)));
  if (const auto quota = resources.cpu_quota.value_or(0); quota != 0)
    settings.push_back(later("cpu", "cpu.cfs_quota_us", std::to_string(quota)));
  if (settings.size() > first) settings.back().may_come_later = false;
}

std::vector<Setting> v1_cpu(const oci::Resources& resources) {
  std::vector<Setting> settings;
  add_v1_realtime(resources, settings);
  // An idle group has no shares, and refuses to be given some.
  if (resources.cpu_idle) settings.push_back({"cpu", "cpu.idle", std::to_string(*resources.cpu_idle)});
  if (const auto shares = resources.cpu_shares.value_or(0); shares != 0 && resources.cpu_idle != 1) {
    Setting setting{"cpu", "cpu.shares", std::to_string(shares)};
    setting.read_back = ReadBack::kSame;
    settings.push_back(std::move(setting));
  }
  add_v1_bandwidth(resources, settings);
  return settings;
}

std::vector<Setting> v1_cpuset(const oci::Resources& resources) {
  std::vector<Setting> settings;
  if (!resources.cpuset_cpus.empty()) settings.push_back({"cpuset", "cpuset.cpus", resources.cpuset_cpus});
  if (!resources.cpuset_mems.empty()) settings.push_back({"cpuset", "cpuset.mems", resources.cpuset_mems});
  return settings;
}

void add_v1_policies(const oci::Resources& resources, std::vector<Setting>& settings) {
  const auto add = [&](const char* file, std::string value) {
    settings.push_back({"memory", file, std::move(value)});
  };
  if (const auto kernel = resources.memory_kernel.value_or(0); kernel != 0)
    add("memory.kmem.limit_in_bytes", std::to_string(kernel));
  if (const auto tcp = resources.memory_kernel_tcp.value_or(0); tcp != 0)
    add("memory.kmem.tcp.limit_in_bytes", std::to_string(tcp));
  if (resources.memory_swappiness) add("memory.swappiness", std::to_string(*resources.memory_swappiness));
  if (resources.memory_use_hierarchy)
    add("memory.use_hierarchy", *resources.memory_use_hierarchy ? "1" : "0");
  if (!resources.memory_disable_oom_killer) return;
  add("memory.oom_control", *resources.memory_disable_oom_killer ? "1" : "0");
  settings.back().key = "oom_kill_disable";  // one line of several
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
    settings[0].may_come_later = true;  // somebody else changed them since `before` was read
  }
  if (const auto soft = resources.memory_reservation.value_or(0); soft != 0) {
    settings.push_back({"memory", "memory.soft_limit_in_bytes", std::to_string(soft)});
  }
  add_v1_policies(resources, settings);
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

/// A weight is CFQ's file where the kernel has that, otherwise BFQ's.
Setting v1_weight(const char* suffix, const std::string& device, std::uint16_t weight) {
  Setting setting{"blkio", cat("blkio.weight", suffix), device + std::to_string(weight)};
  setting.other_file = cat("blkio.bfq.weight", suffix);
  setting.other_value = setting.value;
  return setting;
}

Setting on_device(std::string file, const std::string& device, std::uint64_t value) {
  Setting setting{"blkio", std::move(file), cat(device, " ", value)};
  setting.key = device;
  setting.reset = cat(device, " 0");
  return setting;
}

std::vector<Setting> v1_blkio(const oci::BlockIo& io) {
  std::vector<Setting> settings;
  if (const auto weight = io.weight.value_or(0); weight != 0) settings.push_back(v1_weight("", "", weight));
  if (const auto weight = io.leaf_weight.value_or(0); weight != 0)
    settings.push_back({"blkio", "blkio.leaf_weight", std::to_string(weight)});
  for (const oci::WeightDevice& entry : io.weight_devices) {
    const std::string device = cat(entry.major, ":", entry.minor);
    if (entry.weight.value_or(0) != 0) {
      Setting setting = v1_weight("_device", device + " ", *entry.weight);
      setting.key = device;
      setting.reset = cat(device, " 0");
      settings.push_back(std::move(setting));
    }
    if (entry.leaf_weight.value_or(0) != 0)
      settings.push_back(on_device("blkio.leaf_weight_device", device, *entry.leaf_weight));
  }
  const auto throttle = [&](const char* what, const std::vector<oci::ThrottleDevice>& devices) {
    for (const oci::ThrottleDevice& entry : devices) {
      settings.push_back(
          on_device(cat("blkio.throttle.", what, "_device"), cat(entry.major, ":", entry.minor), entry.rate));
    }
  };
  throttle("read_bps", io.read_bps);
  throttle("write_bps", io.write_bps);
  throttle("read_iops", io.read_iops);
  throttle("write_iops", io.write_iops);
  return settings;
}

std::vector<Setting> v1_net_prio(const oci::Resources& resources) {
  std::vector<Setting> settings;
  for (const oci::InterfacePriority& entry : resources.network_priorities) {
    Setting setting{"net_prio", "net_prio.ifpriomap", cat(entry.name, " ", entry.priority)};
    setting.key = entry.name;
    setting.reset = cat(entry.name, " 0");
    settings.push_back(std::move(setting));
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
  if (controller == "blkio") return v1_blkio(resources.block_io);
  if (controller == "net_prio") return v1_net_prio(resources);
  if (controller == "rdma") return rdma_settings(resources);
  if (controller == "net_cls")
    return std::vector<Setting>{{"net_cls", "net_cls.classid", std::to_string(*resources.network_class)}};
  return std::vector<Setting>{};
}

}  // namespace berth::runtime::cgroup
