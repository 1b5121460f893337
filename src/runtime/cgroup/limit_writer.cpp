// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/limit_writer.hpp"

#include <algorithm>
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

constexpr std::array<std::string_view, 9> kLimiting = {"cpu",   "cpuset",  "memory",   "pids", "hugetlb",
                                                       "blkio", "net_cls", "net_prio", "rdma"};

// cpuset.cpus of a mount with "noprefix" is plain "cpus".
std::string file_name(const MountedHierarchy& hierarchy, const std::string& file) {
  constexpr std::string_view kPrefix = "cpuset.";
  const bool shorten = hierarchy.noprefix && file.starts_with(kPrefix);
  return shorten ? file.substr(kPrefix.size()) : file;
}

/// The line of a file that begins with this word; empty: none.
std::string_view line_of(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (line.starts_with(key) && line.substr(key.size(), 1) == " ") return line;
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return {};
}

/// What has to be written to bring back what the setting's file says now.
std::string restoring(std::string_view text, const Setting& setting) {
  if (setting.key.empty()) return std::string(text);
  const std::string_view line = line_of(text, setting.key);
  if (line.empty()) return setting.reset;
  // The one file that is read as "key value" and written as a value alone.
  return std::string(setting.controller == "memory" ? line.substr(setting.key.size() + 1) : line);
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
  if (controller == "cpuset") return err == EACCES || err == ENOSPC || err == ENODEV;
  // Devices and interfaces that the machine does not have.
  return err == ENODEV &&
         (controller == "blkio" || controller == "io" || controller == "net_prio" || controller == "rdma");
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
  if (controller == "blkio" && layout_.find(controller) == nullptr) controller = "io";
  const MountedHierarchy* hierarchy = layout_.find(controller);
  if (hierarchy == nullptr) {
    // Orchestrators name every page size of the machine, most with limit 0, whether or not huge
    // pages can be limited.
    const auto is_zero = [](const oci::HugepageLimit& huge) { return huge.limit == 0; };
    if (controller == "hugetlb" &&
        std::all_of(resources.hugepages.begin(), resources.hugepages.end(), is_zero)) {
      return std::vector<Setting>{};
    }
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

// v1's kernel refuses a limit that it cannot reclaim down to; v2's would kill instead. Cache that it
// would drop does not count as used here either.
Result<void> LimitWriter::refuse_below_usage(const oci::Resources& resources) const {
  const MountedHierarchy* memory = layout_.find("memory");
  const std::int64_t limit = resources.memory_limit.value_or(0);
  if (!resources.memory_check_before_update) return {};
  if (memory == nullptr || !memory->v2 || limit <= 0) return {};
  const Stats now = collect_stats(layout_, group_);
  if (now.memory_working_set.value_or(0) <= static_cast<std::uint64_t>(limit)) return {};
  return Error(Code::kFailedPrecondition,
               cat("memory limit ", limit, " is below the ", *now.memory_working_set, " bytes that cgroup ",
                   group_, " uses now"));
}

// Some files check themselves against another one, in a direction that depends on what both hold: a
// refused one is tried again when its partner has changed.
Result<void> LimitWriter::write_all(const std::vector<Setting>& settings) {
  std::vector<const Setting*> waiting;
  for (const Setting& setting : settings) {
    auto written = write(setting);
    if (!written && setting.may_come_later && written.error().sys_errno() == EINVAL) {
      waiting.push_back(&setting);
      continue;
    }
    RETURN_IF_ERROR(std::move(written));
    if (setting.may_come_later) continue;
    for (; !waiting.empty(); waiting.pop_back()) RETURN_IF_ERROR(write(*waiting.back()));
  }
  return {};
}

Result<void> LimitWriter::write(const Setting& setting) {
  const MountedHierarchy* hierarchy = layout_.find(setting.controller);
  if (hierarchy == nullptr) return Error(Code::kInternal, cat("no hierarchy for ", setting.file));
  const int root = hierarchy->root.get();
  std::string file = file_name(*hierarchy, setting.file);
  const std::string* value = &setting.value;
  auto before = read_control(root, group_, file);
  if (!before && before.error().sys_errno() == ENOENT && !setting.other_file.empty()) {
    file = setting.other_file;
    value = &setting.other_value;
    before = read_control(root, group_, file);
  }
  if (!before && before.error().sys_errno() == ENOENT) {
    if (setting.may_be_missing) return {};
    return explain(std::move(before).error(), setting, *hierarchy);
  }
  auto written = write_control(root, group_, file, *value);
  if (!written) return explain(std::move(written).error(), setting, *hierarchy);
  if (before) old_.push_back({hierarchy, file, restoring(*before, setting)});
  return check_taken(setting, *hierarchy, file);
}

Result<void> LimitWriter::check_taken(const Setting& setting, const MountedHierarchy& hierarchy,
                                      const std::string& file) const {
  const auto other = [&](const std::string& now) {
    return Error(Code::kInvalidArgument, cat("write \"", setting.value, "\" to ", file, " of cgroup ", group_,
                                             ": the kernel made it \"", now, "\""));
  };
  if (setting.read_back == ReadBack::kSame) {
    ASSIGN_OR_RETURN(const std::string now, read_control(hierarchy.root.get(), group_, file));
    if (now != setting.value) return other(now);
  }
  if (setting.read_back == ReadBack::kEffective) {
    const auto now = read_control(hierarchy.root.get(), group_, cat(file, ".effective"));
    if (now && !covers_list(*now, setting.value)) return other(*now);
  }
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
  constexpr int kNotSupported = 524;  // of the kernel's own; some of its control files let it out
  if (err == EOPNOTSUPP || err == kNotSupported) return std::move(error.recode(Code::kFailedPrecondition));
  if (is_refused_value(err, setting.controller)) return std::move(error.recode(Code::kInvalidArgument));
  return error;
}

}  // namespace berth::runtime::cgroup
