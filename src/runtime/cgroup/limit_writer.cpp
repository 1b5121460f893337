// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/limit_writer.hpp"

#include <array>
#include <cerrno>
#include <charconv>

#include "base/cat.hpp"
#include "base/log.hpp"
#include "runtime/cgroup/cgroup1.hpp"
#include "runtime/cgroup/cgroup2.hpp"
#include "runtime/cgroup/control_file.hpp"
#include "runtime/cgroup/stats.hpp"

namespace berth::runtime::cgroup {
namespace {

constexpr std::array<std::string_view, 5> kLimiting = {"cpu", "cpuset", "memory", "pids", "hugetlb"};

// cpuset.cpus of a mount with "noprefix" is plain "cpus".
std::string file_name(const MountedHierarchy& hierarchy, const Setting& setting) {
  constexpr std::string_view kPrefix = "cpuset.";
  const bool shorten = hierarchy.noprefix && setting.file.starts_with(kPrefix);
  return shorten ? setting.file.substr(kPrefix.size()) : setting.file;
}

std::uint64_t read_number(const MountedHierarchy& hierarchy, const std::string& group,
                          std::string_view file) {
  const auto text = read_control(hierarchy.root.get(), group, file);
  std::uint64_t number = UINT64_MAX;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

bool is_refused_value(int err, std::string_view controller) {
  if (err == EINVAL || err == ERANGE || err == EOVERFLOW) return true;
  // CPUs or nodes that the parent, or the machine, does not have; or none left for running tasks.
  return controller == "cpuset" && (err == EACCES || err == ENOSPC || err == ENODEV);
}

}  // namespace

Result<void> LimitWriter::apply(const oci::Resources& resources) {
  RETURN_IF_ERROR(refuse_below_usage(resources));
  ASSIGN_OR_RETURN(const std::vector<Setting> settings, plan(resources));
  auto written = write_all(settings);
  if (!written) roll_back();
  return written;
}

void LimitWriter::roll_back() {
  for (auto old = old_.rbegin(); old != old_.rend(); ++old) {
    const auto restored = write_control(old->hierarchy->root.get(), group_, old->file, old->value);
    if (!restored)
      log::warn("a cgroup limit could not be restored", {{"error", restored.error().to_string()}});
  }
  old_.clear();
}

Result<std::vector<Setting>> LimitWriter::plan(const oci::Resources& resources) const {
  RETURN_IF_ERROR(check_resources(resources));
  std::vector<Setting> settings;
  for (const std::string_view controller : kLimiting) {
    if (!needs_controller(resources, controller)) continue;
    ASSIGN_OR_RETURN(std::vector<Setting> part, plan_controller(controller, resources));
    settings.insert(settings.end(), part.begin(), part.end());
  }
  ASSIGN_OR_RETURN(std::vector<Setting> verbatim, unified_settings(resources, layout_.unified()));
  settings.insert(settings.end(), verbatim.begin(), verbatim.end());
  return settings;
}

Result<std::vector<Setting>> LimitWriter::plan_controller(std::string_view controller,
                                                          const oci::Resources& resources) const {
  const MountedHierarchy* hierarchy = layout_.find(controller);
  if (hierarchy == nullptr) {
    // Orchestrators name every page size of the machine, most with limit 0, whether or not huge
    // pages can be limited.
    if (controller == "hugetlb") return std::vector<Setting>{};
    return Error(Code::kFailedPrecondition,
                 cat("this host has no ", controller, " cgroup controller, which a limit needs"));
  }
  if (!hierarchy->v2) {
    MemoryBefore before;
    if (controller == "memory") {
      before.limit = read_number(*hierarchy, group_, "memory.limit_in_bytes");
      before.memory_plus_swap = read_number(*hierarchy, group_, "memory.memsw.limit_in_bytes");
    }
    return v1_settings(controller, resources, before);
  }
  std::string cpu_max;
  if (controller == "cpu" && resources.cpu_period.value_or(0) != 0 && resources.cpu_quota.value_or(0) == 0) {
    ASSIGN_OR_RETURN(cpu_max, read_control(hierarchy->root.get(), group_, "cpu.max"));
  }
  return v2_settings(controller, resources, cpu_max);
}

// v1's kernel refuses a limit that it cannot reclaim down to; v2's would kill instead.
Result<void> LimitWriter::refuse_below_usage(const oci::Resources& resources) const {
  const MountedHierarchy* memory = layout_.find("memory");
  const std::int64_t limit = resources.memory_limit.value_or(0);
  if (memory == nullptr || !memory->v2 || limit <= 0) return {};
  const Stats now = collect_stats(layout_, group_);
  if (now.memory_working_set.value_or(0) <= static_cast<std::uint64_t>(limit)) return {};
  return Error(Code::kFailedPrecondition,
               cat("memory limit ", limit, " is below the ", *now.memory_working_set, " bytes that cgroup ",
                   group_, " uses now"));
}

Result<void> LimitWriter::write_all(const std::vector<Setting>& settings) {
  for (std::size_t i = 0; i < settings.size(); ++i) {
    auto written = write(settings[i]);
    if (!written && settings[i].retry_after_next && i + 1 < settings.size() &&
        written.error().sys_errno() == EINVAL) {
      RETURN_IF_ERROR(write(settings[i + 1]));
      written = write(settings[i]);
      ++i;
    }
    RETURN_IF_ERROR(std::move(written));
  }
  return {};
}

Result<void> LimitWriter::write(const Setting& setting) {
  const MountedHierarchy* hierarchy = layout_.find(setting.controller);
  if (hierarchy == nullptr) return Error(Code::kInternal, cat("no hierarchy for ", setting.file));
  const std::string file = file_name(*hierarchy, setting);
  auto before = read_control(hierarchy->root.get(), group_, file);
  if (!before && before.error().sys_errno() == ENOENT) {
    if (setting.may_be_missing) return {};
    return explain(std::move(before).error(), setting, *hierarchy);
  }
  auto written = write_control(hierarchy->root.get(), group_, file, setting.value);
  if (!written) return explain(std::move(written).error(), setting, *hierarchy);
  if (before) old_.push_back({hierarchy, file, *std::move(before)});
  return {};
}

Error LimitWriter::explain(Error error, const Setting& setting, const MountedHierarchy& hierarchy) const {
  const int err = error.sys_errno();
  if (err == EBUSY && setting.controller == "memory") {
    const std::uint64_t usage =
        read_number(hierarchy, group_, hierarchy.v2 ? "memory.current" : "memory.usage_in_bytes");
    error.add_context(cat("memory limit ", setting.value, " is below the ", usage, " bytes that cgroup ",
                          group_, " uses now"));
    return std::move(error.recode(Code::kFailedPrecondition));
  }
  if (err == ENOENT) {
    // The group is there (its other files were found), so the kernel lacks the feature.
    const bool group_exists = static_cast<bool>(read_control(hierarchy.root.get(), group_, "cgroup.procs"));
    if (group_exists) return std::move(error.recode(Code::kFailedPrecondition));
  }
  if (is_refused_value(err, setting.controller)) return std::move(error.recode(Code::kInvalidArgument));
  return error;
}

}  // namespace berth::runtime::cgroup
