// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/freezer.hpp"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/cat.hpp"
#include "base/process_id.hpp"
#include "base/unique_fd.hpp"
#include "runtime/cgroup/control_file.hpp"
#include "runtime/cgroup/group_tree.hpp"
#include "runtime/cgroup/stats.hpp"

namespace berth::runtime::cgroup {
namespace {

constexpr std::chrono::milliseconds kFreezePatience{500};

const MountedHierarchy* home_of(const MountedHierarchy* hierarchy, const std::string& group) {
  return hierarchy != nullptr && group_exists(*hierarchy, group) ? hierarchy : nullptr;
}

bool is_frozen(const MountedHierarchy& hierarchy, const std::string& group) {
  if (hierarchy.v2) {
    const auto events = read_control(hierarchy.root.get(), group, "cgroup.events");
    return events && find_key(*events, "frozen") == 1U;
  }
  const auto state = read_control(hierarchy.root.get(), group, "freezer.state");
  return state && *state == "FROZEN";
}

Result<void> request(const MountedHierarchy& hierarchy, const std::string& group, bool frozen) {
  const std::string_view v1 = frozen ? "FROZEN" : "THAWED";
  return write_control(hierarchy.root.get(), group, hierarchy.v2 ? "cgroup.freeze" : "freezer.state",
                       hierarchy.v2 ? std::string_view(frozen ? "1" : "0") : v1);
}

Result<void> freeze_in(const MountedHierarchy& hierarchy, const std::string& group) {
  const auto deadline = std::chrono::steady_clock::now() + kFreezePatience;
  for (std::chrono::microseconds pause{100};; pause = std::min(pause * 2, std::chrono::microseconds(10000))) {
    // v1 has to be asked again: a task that forked meanwhile was missed.
    RETURN_IF_ERROR(request(hierarchy, group, true));
    if (is_frozen(hierarchy, group)) return {};
    if (std::chrono::steady_clock::now() >= deadline) break;
    std::this_thread::sleep_for(pause);
  }
  (void)request(hierarchy, group, false);
  return Error(Code::kInternal, cat("freeze cgroup ", group, ": not all of its processes stopped within ",
                                    kFreezePatience.count(), " ms"));
}

// v1's freezer has no kill. A number is signalled only when its process was a member both before
// and after its pidfd was opened, so a recycled one is never hit.
void kill_members(const MountedHierarchy& hierarchy, const std::string& group) {
  std::vector<int> before;
  list_processes(hierarchy, group, before);
  std::vector<std::pair<int, UniqueFd>> handles;
  for (const int pid : before) {
    UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (handle) handles.emplace_back(pid, std::move(handle));
  }
  std::vector<int> after;
  list_processes(hierarchy, group, after);
  std::sort(after.begin(), after.end());
  for (const auto& [pid, handle] : handles) {
    if (std::binary_search(after.begin(), after.end(), pid)) (void)signal_process(handle.get(), SIGKILL);
  }
}

// Without a freeze, members could fork faster than they are found; with it one round does. A second
// one is for what was not frozen in time.
Result<void> kill_by_freezer(const MountedHierarchy& freezer, const std::string& group) {
  constexpr int kRounds = 10;
  std::vector<int> left;
  for (int round = 0; round < kRounds; ++round) {
    (void)freeze_in(freezer, group);
    kill_members(freezer, group);
    RETURN_IF_ERROR(request(freezer, group, false));
    left.clear();
    list_processes(freezer, group, left);
    if (left.empty()) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return {};  // killed but not gone yet: stuck in the kernel
}

bool is_gone(const Error& error) {
  return error.sys_errno() == ENOENT || error.sys_errno() == ENODEV;
}

Result<void> ignore_gone(Result<void> result) {
  if (!result && is_gone(result.error())) return {};
  return result;
}

}  // namespace

Result<void> freeze_group(const Layout& layout, const std::string& group) {
  const MountedHierarchy* where = home_of(layout.unified(), group);
  if (where == nullptr) where = home_of(layout.find("freezer"), group);
  if (where == nullptr)
    return Error(Code::kNotFound, cat("cgroup ", group, " does not exist in any hierarchy that can freeze"));
  return freeze_in(*where, group);
}

Result<void> thaw_group(const Layout& layout, const std::string& group) {
  // Both: somebody else may have used the other one, and a group must never stay frozen.
  for (const MountedHierarchy* where :
       {home_of(layout.find("freezer"), group), home_of(layout.unified(), group)}) {
    if (where != nullptr) RETURN_IF_ERROR(ignore_gone(request(*where, group, false)));
  }
  return {};
}

bool is_group_frozen(const Layout& layout, const std::string& group) {
  if (const auto* unified = layout.unified(); unified != nullptr && is_frozen(*unified, group)) return true;
  const MountedHierarchy* freezer = layout.find("freezer");
  if (freezer == nullptr) return false;
  const auto state = read_control(freezer->root.get(), group, "freezer.state");
  return state && *state != "THAWED" && !state->empty();
}

Result<void> kill_group(const Layout& layout, const std::string& group) {
  const MountedHierarchy* freezer = home_of(layout.find("freezer"), group);
  const MountedHierarchy* unified = home_of(layout.unified(), group);
  if (unified == nullptr)
    return freezer == nullptr ? Result<void>() : ignore_gone(kill_by_freezer(*freezer, group));
  auto killed = write_control(unified->root.get(), group, "cgroup.kill", "1");
  // Kernels before 5.14 have no cgroup.kill.
  if (!killed && killed.error().sys_errno() == ENOENT) killed = kill_by_freezer(*unified, group);
  if (freezer != nullptr) (void)request(*freezer, group, false);  // what v1 has frozen does not die
  return ignore_gone(std::move(killed));
}

}  // namespace berth::runtime::cgroup
