// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runtime/cgroup/manager.hpp"

namespace berth::runtime::cgroup {

/// One mounted hierarchy that we make groups in. Co-mounted v1 controllers share one.
struct MountedHierarchy {
  std::string mount_point;
  std::vector<std::string> controllers;  ///< those that we use; v2: what the root offers
  bool v2 = false;
  bool noprefix = false;  ///< an old cpuset mount: "cpus" for "cpuset.cpus"
  UniqueFd root;          ///< O_PATH of the mount point

  bool has(std::string_view controller) const;
};

/// Where each controller lives on this host. Found once, never changed.
struct Layout {
  std::vector<MountedHierarchy> hierarchies;

  const MountedHierarchy* find(std::string_view controller) const;  ///< null: not on this host
  const MountedHierarchy* unified() const;                          ///< null: no cgroup2 mount
  bool is_unified() const;                                          ///< cgroup2 and nothing else
};

/// One line of /proc/self/cgroup: "4:memory:/a", "1:name=systemd:/", "0::/".
struct SelfCgroup {
  std::vector<std::string> controllers;  ///< empty for the unified hierarchy
  std::string path;
};
Result<std::vector<SelfCgroup>> parse_self_cgroup(std::string_view text);

/// Looks at mountinfo and /proc/self/cgroup and opens the roots. kFailedPrecondition when no cgroup
/// file system is mounted.
Result<Layout> detect_layout(const Manager::Options& options);

}  // namespace berth::runtime::cgroup
