// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/pod_cgroup.hpp"

#include <thread>

#include "base/cat.hpp"
#include "runtime/cgroup/systemd_manager.hpp"
#include "runtime/cgroup/systemd_names.hpp"

namespace berth::daemon {
namespace {

constexpr std::string_view kSlice = ".slice";

bool is_systemd(const Services& with) {
  return with.config.cgroup_driver == "systemd";
}

/// "/a.slice/a-b.slice" -> "a-b": how the names of units below it begin.
std::string slice_stem(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  return name.substr(0, name.size() - kSlice.size());
}

}  // namespace

Result<void> open_cgroups(Services& with) {
  runtime::cgroup::Manager::Options options;
  if (is_systemd(with)) {
    options.holder_program = with.config.pid1_path;
    std::string& parent = with.config.cgroup_parent;
    if (parent == Config().cgroup_parent) parent = "berth.slice";
    ASSIGN_OR_RETURN(parent, runtime::cgroup::slice_parent(parent).context("cgroup.parent"));
    ASSIGN_OR_RETURN(with.cgroups, runtime::cgroup::SystemdManager::open(options));
    return {};
  }
  ASSIGN_OR_RETURN(with.cgroups, runtime::cgroup::Manager::open(options));
  return {};
}

std::string shim_cgroup(const Services& with) {
  const std::string& parent = with.config.cgroup_parent;
  return is_systemd(with) ? cat(parent, "/", slice_stem(parent), "-shims.scope") : cat(parent, "/shims");
}

Result<runtime::cgroup::JoinFds> open_shim_cgroup(Services& with) {
  constexpr std::chrono::milliseconds kPause{20};
  constexpr int kAttempts = 100;
  const std::string path = shim_cgroup(with);
  for (int attempt = 1;; ++attempt) {
    if (!with.cgroups->exists(path)) break;
    auto join = with.cgroups->open_join(path);
    if (join && !join->hold) {
      auto hold = with.cgroups->hold(path);
      if (hold) {
        join->hold = *std::move(hold);
        return join;
      }
      join = std::move(hold).error();
    }
    // A scope that was the last daemon's, and that systemd is about to remove.
    if (attempt == kAttempts) return join;
    std::this_thread::sleep_for(kPause);
  }
  RETURN_IF_ERROR(with.cgroups->create(path, {}));
  return with.cgroups->open_join(path);
}

std::string own_cgroup_parent(const Services& with, std::string_view pod_id) {
  const std::string& parent = with.config.cgroup_parent;
  if (!is_systemd(with)) return cat(parent, "/pod-", pod_id);
  return cat(parent, "/", slice_stem(parent), "-pod", pod_id, kSlice);
}

Result<std::string> pod_cgroup_parent(const Services& with, std::string asked, std::string_view pod_id) {
  while (asked.size() > 1 && asked.back() == '/') asked.pop_back();
  if (asked.empty()) return own_cgroup_parent(with, pod_id);
  if (is_systemd(with)) {
    return runtime::cgroup::slice_parent(asked).context(
        "config.linux.cgroup_parent, which is systemd's to make (cgroup.driver)");
  }
  if (asked.front() == '/') return asked;
  return Error(Code::kInvalidArgument,
               cat("config.linux.cgroup_parent \"", asked,
                   "\" is a systemd slice, but this runtime makes cgroups itself (cgroup.driver)"));
}

std::string pod_of_cgroup(const Services& with, std::string_view name) {
  const std::string path = own_cgroup_parent(with, "");
  std::string_view prefix = std::string_view(path).substr(path.rfind('/') + 1);
  if (is_systemd(with)) {
    prefix.remove_suffix(kSlice.size());
    if (!name.ends_with(kSlice)) return {};
    name.remove_suffix(kSlice.size());
  }
  return name.starts_with(prefix) ? std::string(name.substr(prefix.size())) : std::string();
}

}  // namespace berth::daemon
