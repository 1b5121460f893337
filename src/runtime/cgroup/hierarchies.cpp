// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/hierarchies.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/mountinfo.hpp"
#include "runtime/cgroup/control_file.hpp"

namespace berth::runtime::cgroup {
namespace {

// Those whose limits, counters or membership matter to a container; perf_event and the like are
// left at the root. Of v2 all are known, since any may be named verbatim; "io" is its blkio.
constexpr std::array<std::string_view, 13> kV1Controllers = {
    "cpu",  "cpuacct", "cpuset",  "memory",   "devices", "freezer",     "blkio",
    "pids", "hugetlb", "net_cls", "net_prio", "rdma",    "name=systemd"};

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    if (end != 0 && !text.empty()) parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

template <class List>
bool contains(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// The options of a v1 mount mix flags ("rw", "xattr") with controllers; only what the kernel also
// lists for ourselves is a controller.
std::vector<std::string> v1_controllers(const MountEntry& mount, const std::vector<SelfCgroup>& self) {
  std::vector<std::string> found;
  for (const std::string& option : split(mount.super_options, ',')) {
    const bool known = std::any_of(
        self.begin(), self.end(), [&](const SelfCgroup& line) { return contains(line.controllers, option); });
    if (known && contains(kV1Controllers, option) && !contains(found, option)) found.push_back(option);
  }
  return found;
}

Result<void> add_v1(Layout& layout, const MountEntry& mount, const std::vector<SelfCgroup>& self) {
  MountedHierarchy hierarchy;
  hierarchy.controllers = v1_controllers(mount, self);
  if (hierarchy.controllers.empty() || layout.find(hierarchy.controllers.front()) != nullptr) return {};
  hierarchy.mount_point = mount.mount_point;
  hierarchy.noprefix = contains(split(mount.super_options, ','), "noprefix");
  ASSIGN_OR_RETURN(hierarchy.root, open_at(kCwd, mount.mount_point, O_PATH | O_DIRECTORY));
  layout.hierarchies.push_back(std::move(hierarchy));
  return {};
}

Result<void> add_v2(Layout& layout, const MountEntry& mount) {
  if (layout.unified() != nullptr) return {};
  MountedHierarchy hierarchy;
  hierarchy.v2 = true;
  hierarchy.mount_point = mount.mount_point;
  ASSIGN_OR_RETURN(hierarchy.root, open_at(kCwd, mount.mount_point, O_PATH | O_DIRECTORY));
  ASSIGN_OR_RETURN(const std::string offered, read_control(hierarchy.root.get(), "/", "cgroup.controllers"));
  hierarchy.controllers = split_words(offered);
  layout.hierarchies.push_back(std::move(hierarchy));
  return {};
}

}  // namespace

bool MountedHierarchy::has(std::string_view controller) const {
  return contains(controllers, controller);
}

const MountedHierarchy* Layout::find(std::string_view controller) const {
  for (const MountedHierarchy& hierarchy : hierarchies) {
    if (hierarchy.has(controller)) return &hierarchy;
  }
  return nullptr;
}

const MountedHierarchy* Layout::unified() const {
  for (const MountedHierarchy& hierarchy : hierarchies) {
    if (hierarchy.v2) return &hierarchy;
  }
  return nullptr;
}

bool Layout::is_unified() const {
  return hierarchies.size() == 1 && hierarchies.front().v2;
}

Result<std::vector<SelfCgroup>> parse_self_cgroup(std::string_view text) {
  std::vector<SelfCgroup> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    // The path may contain colons; the first two separate.
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos || line.substr(second + 1, 1) != "/") {
      return Error(Code::kInternal, cat("line ", lines.size() + 1, " of /proc/self/cgroup is malformed"));
    }
    lines.push_back(
        {split(line.substr(first + 1, second - first - 1), ','), std::string(line.substr(second + 1))});
  }
  return lines;
}

Result<Layout> detect_layout(const Manager::Options& options) {
  constexpr std::size_t kLimit = 64U << 20U;
  ASSIGN_OR_RETURN(const std::string mount_text, read_file(options.mount_info_path, kLimit));
  ASSIGN_OR_RETURN(std::vector<MountEntry> mounts, parse_mountinfo(mount_text));
  ASSIGN_OR_RETURN(const std::string self_text, read_file(options.self_cgroup_path, kLimit));
  ASSIGN_OR_RETURN(const std::vector<SelfCgroup> self, parse_self_cgroup(self_text));
  // A hierarchy may be mounted more than once; a mount of its root is better than one of a part.
  std::stable_partition(mounts.begin(), mounts.end(),
                        [](const MountEntry& mount) { return mount.root == "/"; });
  Layout layout;
  for (const MountEntry& mount : mounts) {
    const bool is_ours = mount.filesystem == "cgroup" || mount.filesystem == "cgroup2";
    if (!is_ours || is_hidden(mount, mounts)) continue;
    if (mount.filesystem == "cgroup") RETURN_IF_ERROR(add_v1(layout, mount, self));
    if (mount.filesystem == "cgroup2") RETURN_IF_ERROR(add_v2(layout, mount));
  }
  if (layout.hierarchies.empty()) return Error(Code::kFailedPrecondition, "no cgroup file system is mounted");
  return layout;
}

}  // namespace berth::runtime::cgroup
