// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/host_manager.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <thread>
#include <utility>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/cgroup/cgroup2.hpp"
#include "runtime/cgroup/control_file.hpp"
#include "runtime/cgroup/delegation.hpp"
#include "runtime/cgroup/detailed_stats.hpp"
#include "runtime/cgroup/device_access.hpp"
#include "runtime/cgroup/freezer.hpp"
#include "runtime/cgroup/group_path.hpp"
#include "runtime/cgroup/group_tree.hpp"
#include "runtime/cgroup/limit_writer.hpp"
#include "runtime/cgroup/stats.hpp"

namespace berth::runtime::cgroup {
namespace {

std::string leaf_path(const std::string& path, const std::string& leaf) {
  return cat(path, '/', leaf);
}

}  // namespace

void HostManager::undo(const std::vector<Made>& made) {
  for (auto it = made.rbegin(); it != made.rend(); ++it) {
    ::unlinkat(it->hierarchy->root.get(), below_root(it->path).c_str(), AT_REMOVEDIR);
  }
}

Result<void> HostManager::create(const std::string& path, const oci::Resources& resources) {
  RETURN_IF_ERROR(check_group_path(path));
  RETURN_IF_ERROR(check_resources(resources));
  RETURN_IF_ERROR(refuse_inhabited(path).context(cat("create cgroup ", path)));
  return fill(path, resources).context(cat("create cgroup ", path));
}

Result<void> HostManager::fill(const std::string& path, const oci::Resources& resources) const {
  std::vector<Made> made;
  auto filled = make_groups(path, resources, made);
  if (filled) filled = apply(path, resources);
  if (!filled) undo(made);
  return filled;
}

Result<void> HostManager::make_groups(const std::string& path, const oci::Resources& resources,
                                      std::vector<Made>& made) const {
  for (const MountedHierarchy& hierarchy : layout_.hierarchies) {
    std::vector<std::string> paths;
    auto done = make_group(hierarchy, path, paths);
    for (std::string& one : paths) made.push_back({&hierarchy, std::move(one)});
    RETURN_IF_ERROR(std::move(done));
    if (hierarchy.has("cpuset") && !hierarchy.v2) RETURN_IF_ERROR(inherit_cpuset(hierarchy, path));
    if (!hierarchy.v2) continue;
    std::vector<std::string> required;
    for (const std::string& name : hierarchy.controllers) {
      if (needs_controller(resources, name)) required.push_back(name);
    }
    for (const auto& [key, value] : resources.unified) required.push_back(key.substr(0, key.find('.')));
    RETURN_IF_ERROR(enable_controllers(hierarchy, path, required));
  }
  if (is_group_frozen(layout_, path))
    return Error(Code::kFailedPrecondition, cat("cgroup ", path, " is frozen, nothing could start in it"));
  return {};
}

// A group that is there already is fine (an orchestrator makes its pods' groups), one that already
// runs something under other limits is somebody else's.
Result<void> HostManager::refuse_inhabited(const std::string& path) const {
  for (const MountedHierarchy& hierarchy : layout_.hierarchies) {
    const auto procs = read_control(hierarchy.root.get(), path, "cgroup.procs");
    if (!procs || procs->empty()) continue;
    return Error(Code::kAlreadyExists,
                 cat("cgroup ", path, " in ", hierarchy.mount_point, " already has processes"));
  }
  return {};
}

Result<void> HostManager::apply(const std::string& path, const oci::Resources& resources) const {
  LimitWriter writer(layout_, path);
  RETURN_IF_ERROR(writer.apply(resources));
  auto devices = apply_device_rules(layout_, path, resources.devices);
  if (!devices) writer.roll_back();
  return devices;
}

Result<void> HostManager::update(const std::string& path, const oci::Resources& resources) {
  RETURN_IF_ERROR(check_group_path(path));
  if (!exists(path)) return absent(path);
  return apply(path, resources).context(cat("change the limits of cgroup ", path));
}

Result<void> HostManager::update_around(const std::string& path, const oci::Resources& resources,
                                        const std::function<Result<void>()>& middle) const {
  if (!exists(path)) return absent(path);
  const auto work = [&]() -> Result<void> {
    LimitWriter writer(layout_, path);
    RETURN_IF_ERROR(writer.apply(resources));
    auto between = middle();
    if (!between) {
      writer.roll_back();
      return between;
    }
    return apply(path, resources);
  };
  return work().context(cat("change the limits of cgroup ", path));
}

Result<JoinFds> HostManager::open_join(const std::string& path) {
  RETURN_IF_ERROR(check_group_path(path));
  JoinFds fds;
  for (const MountedHierarchy& hierarchy : layout_.hierarchies) {
    const std::string group = below_root(path);
    auto opened = hierarchy.v2 ? open_at(hierarchy.root.get(), group, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
                               : open_at(hierarchy.root.get(), cat(group, "/tasks"), O_WRONLY | O_NOFOLLOW);
    if (!opened)
      return std::move(opened).context(cat("open cgroup ", path, " in ", hierarchy.mount_point)).error();
    if (hierarchy.v2) {
      fds.v2 = *std::move(opened);
    } else {
      fds.tasks.push_back(*std::move(opened));
    }
  }
  return fds;
}

Result<void> HostManager::delegate(const std::string& path, std::uint32_t uid) {
  RETURN_IF_ERROR(check_group_path(path));
  return delegate_group(layout_, path, uid);
}

Result<UniqueFd> HostManager::create_leaf(const std::string& path, const std::string& leaf) {
  RETURN_IF_ERROR(check_group_path(path));
  RETURN_IF_ERROR(check_group_name(leaf));
  const MountedHierarchy* unified = layout_.unified();
  if (unified == nullptr)
    return Error(Code::kFailedPrecondition, "this host has no cgroup v2 hierarchy for a group of its own");
  if (!group_exists(*unified, path)) return absent(path);
  const std::string group = leaf_path(path, leaf);
  constexpr mode_t kMode = 0755;
  if (::mkdirat(unified->root.get(), below_root(group).c_str(), kMode) != 0) {
    Error error = Error::from_errno(errno, "create cgroup", group);
    return errno == EEXIST ? std::move(error.recode(Code::kAlreadyExists)) : std::move(error);
  }
  auto opened = open_at(unified->root.get(), below_root(group), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!opened) ::unlinkat(unified->root.get(), below_root(group).c_str(), AT_REMOVEDIR);
  return opened;
}

Result<void> HostManager::remove_leaf(const std::string& path, const std::string& leaf) {
  constexpr std::chrono::milliseconds kPatience{1000};
  RETURN_IF_ERROR(check_group_path(path));
  RETURN_IF_ERROR(check_group_name(leaf));
  const MountedHierarchy* unified = layout_.unified();
  return unified == nullptr ? Result<void>() : remove_from({unified}, leaf_path(path, leaf), kPatience);
}

Result<void> HostManager::kill(const std::string& path) {
  RETURN_IF_ERROR(check_group_path(path));
  return kill_group(layout_, path).context(cat("kill cgroup ", path));
}

Result<void> HostManager::freeze(const std::string& path) {
  RETURN_IF_ERROR(check_group_path(path));
  return freeze_group(layout_, path);
}

Result<void> HostManager::thaw(const std::string& path) {
  RETURN_IF_ERROR(check_group_path(path));
  return thaw_group(layout_, path);
}

bool HostManager::is_frozen(const std::string& path) const {
  return check_group_path(path) && is_group_frozen(layout_, path);
}

Result<void> HostManager::remove(const std::string& path, std::chrono::milliseconds patience) {
  RETURN_IF_ERROR(check_group_path(path));
  return remove_from(all(), path, patience);
}

// rmdir is refused for some milliseconds after the last process has gone; all hierarchies are tried
// before the first pause, so that they wait together.
Result<void> HostManager::remove_from(const std::vector<const MountedHierarchy*>& where,
                                      const std::string& path, std::chrono::milliseconds patience) const {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::vector<const MountedHierarchy*> left = where;
  for (std::chrono::microseconds pause{200};; pause = std::min(pause * 2, std::chrono::microseconds(20000))) {
    int last_error = 0;
    std::erase_if(left, [&](const MountedHierarchy* hierarchy) {
      const int err = try_remove(*hierarchy, path);
      if (err != 0) last_error = err;
      return err == 0;
    });
    if (left.empty()) return {};
    const bool may_pass = last_error == EBUSY || last_error == ENOTEMPTY;
    if (!may_pass || std::chrono::steady_clock::now() >= deadline) {
      return Error::from_errno(last_error, "remove cgroup", cat(path, " in ", left.front()->mount_point));
    }
    std::this_thread::sleep_for(pause);
  }
}

void HostManager::remove_if_empty(const std::string& path) {
  if (!check_group_path(path)) return;
  for (const MountedHierarchy& hierarchy : layout_.hierarchies) {
    ::unlinkat(hierarchy.root.get(), below_root(path).c_str(), AT_REMOVEDIR);
  }
}

bool HostManager::exists(const std::string& path) const {
  if (!check_group_path(path)) return false;
  return std::any_of(layout_.hierarchies.begin(), layout_.hierarchies.end(),
                     [&](const MountedHierarchy& hierarchy) { return group_exists(hierarchy, path); });
}

Result<UniqueFd> HostManager::open_oom_counter(const std::string& path) {
  RETURN_IF_ERROR(check_group_path(path));
  const MountedHierarchy* memory = layout_.find("memory");
  if (memory == nullptr) return Error(Code::kFailedPrecondition, "this host has no memory cgroup controller");
  return open_at(memory->root.get(), below_root(path, memory->v2 ? "memory.events" : "memory.oom_control"),
                 O_RDONLY | O_NOFOLLOW);
}

Result<Stats> HostManager::stats(const std::string& path) {
  RETURN_IF_ERROR(check_group_path(path));
  if (!exists(path)) return absent(path);
  return collect_stats(layout_, path);
}

Result<DetailedStats> HostManager::detailed_stats(const std::string& path) {
  RETURN_IF_ERROR(check_group_path(path));
  if (!exists(path)) return absent(path);
  return collect_detailed_stats(layout_, path);
}

Result<Stats> HostManager::usage(const std::string& path) {
  RETURN_IF_ERROR(check_group_path(path));
  Stats usage = collect_usage(layout_, path);
  if (usage.cpu_usage_ns == 0 && !usage.memory_usage && !exists(path)) return absent(path);
  return usage;
}

std::vector<std::string> HostManager::children(const std::string& path) {
  std::vector<std::string> names;
  if (!check_group_path(path)) return names;
  for (const MountedHierarchy& hierarchy : layout_.hierarchies) {
    std::vector<std::string> some = sub_groups(hierarchy, path);
    names.insert(names.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::vector<int> HostManager::processes(const std::string& path) {
  std::vector<int> pids;
  if (!check_group_path(path)) return pids;
  for (const MountedHierarchy& hierarchy : layout_.hierarchies) list_processes(hierarchy, path, pids);
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  return pids;
}

std::string HostManager::describe() const {
  std::string text = is_unified() ? "v2" : layout_.unified() == nullptr ? "v1" : "hybrid";
  for (const MountedHierarchy& hierarchy : layout_.hierarchies) {
    for (const std::string& controller : hierarchy.controllers) {
      text.append(cat("\n", controller, ": ", hierarchy.v2 ? "v2" : "v1", " at ", hierarchy.mount_point));
    }
  }
  return text;
}

std::vector<Manager::Hierarchy> HostManager::hierarchies() const {
  std::vector<Hierarchy> list;
  for (const MountedHierarchy& hierarchy : layout_.hierarchies) {
    list.push_back({hierarchy.mount_point, hierarchy.v2 ? std::vector<std::string>() : hierarchy.controllers,
                    hierarchy.v2});
  }
  return list;
}

std::vector<const MountedHierarchy*> HostManager::all() const {
  std::vector<const MountedHierarchy*> list;
  for (const MountedHierarchy& hierarchy : layout_.hierarchies) list.push_back(&hierarchy);
  return list;
}

}  // namespace berth::runtime::cgroup
