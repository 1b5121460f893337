// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/cgroup2.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/cat.hpp"
#include "base/log.hpp"
#include "runtime/cgroup/control_file.hpp"
#include "runtime/cgroup/group_path.hpp"

namespace berth::runtime::cgroup {
namespace {

std::string max_or(std::int64_t value) {
  return value < 0 ? "max" : std::to_string(value);
}

Error not_in_v2(std::string_view what, std::string_view instead) {
  return {Code::kFailedPrecondition, cat(what, " does not exist in cgroup v2", instead)};
}

std::string cpu_max(const oci::Resources& resources, std::string_view before) {
  const std::int64_t quota = resources.cpu_quota.value_or(0);
  const std::uint64_t period = resources.cpu_period.value_or(0);
  if (quota == 0 && period == 0) return {};
  // The kernel keeps the period when only a quota is written, but has no way to say "same quota".
  const std::string_view old_quota = before.substr(0, before.find(' '));
  std::string value = quota != 0 ? max_or(quota) : std::string(old_quota.empty() ? "max" : old_quota);
  if (period != 0) value.append(" ").append(std::to_string(period));
  return value;
}

Result<std::vector<Setting>> v2_cpu(const oci::Resources& resources, std::string_view cpu_max_before) {
  if (resources.cpu_rt_runtime.value_or(0) > 0 || resources.cpu_rt_period.value_or(0) > 0)
    return not_in_v2("a realtime runtime or period", "");
  std::vector<Setting> settings;
  // An idle group has no weight, and refuses to be given one.
  if (resources.cpu_idle) settings.push_back({"cpu", "cpu.idle", std::to_string(*resources.cpu_idle)});
  const auto weight = weight_of_shares(resources.cpu_shares.value_or(0));
  if (weight != 0 && resources.cpu_idle != 1)
    settings.push_back({"cpu", "cpu.weight", std::to_string(weight)});
  const std::string max = cpu_max(resources, cpu_max_before);
  if (resources.cpu_burst) {
    settings.push_back({"cpu", "cpu.max.burst", std::to_string(*resources.cpu_burst)});
    settings.back().may_come_later = !max.empty();  // burst <= quota at every moment
  }
  if (!max.empty()) settings.push_back({"cpu", "cpu.max", max});
  return settings;
}

std::vector<Setting> v2_cpuset(const oci::Resources& resources) {
  std::vector<Setting> settings;
  if (!resources.cpuset_cpus.empty()) settings.push_back({"cpuset", "cpuset.cpus", resources.cpuset_cpus});
  if (!resources.cpuset_mems.empty()) settings.push_back({"cpuset", "cpuset.mems", resources.cpuset_mems});
  for (Setting& setting : settings) setting.read_back = ReadBack::kEffective;
  return settings;
}

/// Named and refused: to leave them out silently would be to run a container without a limit that
/// its author counts on.
Result<void> refuse_v1_memory(const oci::Resources& resources) {
  if (resources.memory_kernel.value_or(0) > 0)
    return not_in_v2("a kernel memory limit", ": kernel memory counts towards the memory limit");
  if (resources.memory_kernel_tcp.value_or(0) > 0)
    return not_in_v2("a kernel TCP memory limit", ": it counts towards the memory limit");
  if (resources.memory_swappiness) return not_in_v2("swappiness of a group", "");
  if (resources.memory_disable_oom_killer.value_or(false)) return not_in_v2("a disabled OOM killer", "");
  if (!resources.memory_use_hierarchy.value_or(true))
    return not_in_v2("a group that is not counted in its parent", "");
  return {};
}

Result<std::vector<Setting>> v2_memory(const oci::Resources& resources) {
  RETURN_IF_ERROR(refuse_v1_memory(resources));
  ASSIGN_OR_RETURN(const MemoryLimits limits, memory_limits(resources));
  std::vector<Setting> settings;
  if (limits.memory_plus_swap) {
    const std::int64_t total = *limits.memory_plus_swap;
    const std::string value = total == -1 ? "max" : std::to_string(total - *limits.limit);
    // A kernel without swap has no such file, and neither unlimited nor none needs one.
    settings.push_back({"memory", "memory.swap.max", value, value == "max" || value == "0"});
  }
  if (limits.limit) settings.push_back({"memory", "memory.max", max_or(*limits.limit)});
  if (const auto low = resources.memory_reservation.value_or(0); low != 0) {
    settings.push_back({"memory", "memory.low", max_or(low)});
  }
  return settings;
}

std::vector<Setting> v2_pids(const oci::Resources& resources) {
  const std::int64_t limit = *resources.pids_limit;
  // 0 would keep out even the process that a container consists of.
  return {{"pids", "pids.max", limit == 0 ? "1" : max_or(limit)}};
}

std::vector<Setting> v2_hugetlb(const oci::Resources& resources) {
  std::vector<Setting> settings;
  for (const oci::HugepageLimit& huge : resources.hugepages) {
    const std::string value = std::to_string(huge.limit);
    settings.push_back({"hugetlb", cat("hugetlb.", huge.page_size, ".max"), value});
    settings.push_back({"hugetlb", cat("hugetlb.", huge.page_size, ".rsvd.max"), value, true});
  }
  return settings;
}

/// BFQ's file takes the weight as it is, the general one has another scale.
Setting v2_weight(std::string key, std::uint16_t weight) {
  Setting setting{"io", "io.bfq.weight", cat(key, " ", weight)};
  setting.other_file = "io.weight";
  setting.other_value = cat(key, " ", io_weight_of(weight));
  setting.reset = cat(key, " default");
  setting.key = std::move(key);
  return setting;
}

void add_io_max(const char* what, const std::vector<oci::ThrottleDevice>& devices,
                std::vector<Setting>& settings) {
  for (const oci::ThrottleDevice& entry : devices) {
    const std::string device = cat(entry.major, ":", entry.minor);
    Setting setting{"io", "io.max",
                    cat(device, " ", what, "=", entry.rate == 0 ? "max" : std::to_string(entry.rate))};
    setting.key = device;
    setting.reset = cat(device, " ", what, "=max");
    settings.push_back(std::move(setting));
  }
}

Result<std::vector<Setting>> v2_io(const oci::BlockIo& io) {
  std::vector<Setting> settings;
  if (io.leaf_weight.value_or(0) != 0) return not_in_v2("a block IO leaf weight", "");
  if (io.weight.value_or(0) != 0) settings.push_back(v2_weight("default", *io.weight));
  for (const oci::WeightDevice& entry : io.weight_devices) {
    if (entry.leaf_weight.value_or(0) != 0) return not_in_v2("a block IO leaf weight", "");
    if (entry.weight.value_or(0) != 0)
      settings.push_back(v2_weight(cat(entry.major, ":", entry.minor), *entry.weight));
  }
  add_io_max("rbps", io.read_bps, settings);
  add_io_max("wbps", io.write_bps, settings);
  add_io_max("riops", io.read_iops, settings);
  add_io_max("wiops", io.write_iops, settings);
  return settings;
}

/// Files of one line per device (or "default"): what takes such a line away again.
std::string verbatim_reset(std::string_view file, std::string_view key) {
  if (file == "io.max") return cat(key, " rbps=max wbps=max riops=max wiops=max");
  if (file == "io.weight" || file == "io.bfq.weight") return cat(key, key == "default" ? " 100" : " default");
  if (file == "rdma.max") return cat(key, " hca_handle=max hca_object=max");
  if (file == "misc.max") return cat(key, " max");
  return {};
}

bool contains(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

/// Those that limit or count what every container has; others cost memory in every group, and are
/// enabled when something asks for them.
constexpr std::array<std::string_view, 6> kUsual = {"cpu", "cpuset", "io", "memory", "pids", "hugetlb"};

std::vector<std::string> wanted(const MountedHierarchy& unified, const std::vector<std::string>& required) {
  std::vector<std::string> names;
  for (const std::string& name : unified.controllers) {
    if (std::find(kUsual.begin(), kUsual.end(), name) != kUsual.end() || contains(required, name))
      names.push_back(name);
  }
  return names;
}

Result<std::vector<std::string>> words_of(const MountedHierarchy& unified, const std::string& group,
                                          std::string_view file) {
  ASSIGN_OR_RETURN(const std::string text, read_control(unified.root.get(), group, file));
  return split_words(text);
}

Result<void> enable_one(const MountedHierarchy& unified, const std::string& parent, const std::string& name,
                        const std::vector<std::string>& required) {
  auto written = write_control(unified.root.get(), parent, "cgroup.subtree_control", cat("+", name));
  if (written) return {};
  if (!contains(required, name)) {
    log::debug("a cgroup controller stays unavailable",
               {{"controller", name}, {"below", parent}, {"error", written.error().to_string()}});
    return {};
  }
  if (written.error().sys_errno() == EBUSY) {
    return Error(Code::kFailedPrecondition, cat("cgroup ", parent, " has processes of its own, so the ", name,
                                                " controller cannot be enabled below it"));
  }
  return std::move(written).context(cat("enable the ", name, " controller below cgroup ", parent));
}

Result<void> enable_below(const MountedHierarchy& unified, const std::string& parent,
                          const std::vector<std::string>& required) {
  ASSIGN_OR_RETURN(const std::vector<std::string> offered, words_of(unified, parent, "cgroup.controllers"));
  ASSIGN_OR_RETURN(const std::vector<std::string> enabled,
                   words_of(unified, parent, "cgroup.subtree_control"));
  std::vector<std::string> missing;
  for (const std::string& name : wanted(unified, required)) {
    if (contains(offered, name) && !contains(enabled, name)) missing.push_back(name);
  }
  if (missing.empty()) return {};
  std::string all;
  for (const std::string& name : missing) all.append(all.empty() ? "+" : " +").append(name);
  if (write_control(unified.root.get(), parent, "cgroup.subtree_control", all)) return {};
  // One refused controller refuses the whole line.
  for (const std::string& name : missing) RETURN_IF_ERROR(enable_one(unified, parent, name, required));
  return {};
}

}  // namespace

Result<std::vector<Setting>> v2_settings(std::string_view controller, const oci::Resources& resources,
                                         std::string_view cpu_max_before) {
  if (!needs_controller(resources, controller)) return std::vector<Setting>{};
  if (controller == "cpu") return v2_cpu(resources, cpu_max_before);
  if (controller == "cpuset") return v2_cpuset(resources);
  if (controller == "memory") return v2_memory(resources);
  if (controller == "pids") return v2_pids(resources);
  if (controller == "hugetlb") return v2_hugetlb(resources);
  if (controller == "io") return v2_io(resources.block_io);
  if (controller == "rdma") return rdma_settings(resources);
  return std::vector<Setting>{};
}

Result<std::vector<Setting>> unified_settings(const oci::Resources& resources,
                                              const MountedHierarchy* unified) {
  std::vector<Setting> settings;
  for (const auto& [key, text] : resources.unified) {
    const std::string_view controller = std::string_view(key).substr(0, key.find('.'));
    if (unified == nullptr || !unified->has(controller)) {
      return Error(Code::kFailedPrecondition,
                   cat("unified key \"", key, "\": this host has no cgroup v2 controller ", controller));
    }
    std::string_view rest = text;
    while (!rest.empty()) {
      const std::size_t end = rest.find('\n');
      if (end != 0) {
        const std::string line(rest.substr(0, end));
        Setting setting{controller, key, line};
        setting.reset = verbatim_reset(key, line.substr(0, line.find(' ')));
        // Written without an error, and read as "root invalid (why)".
        if (key == "cpuset.cpus.partition") setting.read_back = ReadBack::kSame;
        if (!setting.reset.empty()) setting.key = line.substr(0, line.find(' '));
        settings.push_back(std::move(setting));
      }
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
  }
  return settings;
}

Result<void> enable_controllers(const MountedHierarchy& unified, const std::string& group,
                                const std::vector<std::string>& required) {
  ASSIGN_OR_RETURN(const std::vector<std::string> present, words_of(unified, group, "cgroup.controllers"));
  const auto there = [&](const std::string& name) { return contains(present, name); };
  const std::vector<std::string> names = wanted(unified, required);
  if (std::all_of(names.begin(), names.end(), there)) return {};
  RETURN_IF_ERROR(enable_below(unified, "/", required));
  const std::string parent = parent_of(group);
  for (std::size_t slash = parent.find('/', 1); parent != "/"; slash = parent.find('/', slash + 1)) {
    RETURN_IF_ERROR(enable_below(unified, parent.substr(0, slash), required));
    if (slash == std::string::npos) break;
  }
  return {};
}

}  // namespace berth::runtime::cgroup
