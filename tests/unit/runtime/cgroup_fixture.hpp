// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/cat.hpp"
#include "runtime/cgroup/manager.hpp"
#include "tree.hpp"

namespace berth::testing {

/// A host whose cgroup mounts are directories of a Tree: "memory" is a v1 mount at <root>/memory,
/// "cpu,cpuacct" one at <root>/cpu,cpuacct, "" the unified hierarchy at <root>/unified.
inline runtime::cgroup::Manager::Options fake_host(const Tree& tree, const std::vector<std::string>& mounts) {
  std::string info = "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n";
  std::string self;
  int id = 30;
  for (const std::string& controllers : mounts) {
    const bool v2 = controllers.empty();
    const std::string dir = tree.path(v2 ? "unified" : controllers);
    info += cat(id, " 22 0:", id, " / ", dir, " rw,relatime shared:1 - ",
                v2 ? "cgroup2 cgroup2 rw" : "cgroup cgroup rw,", controllers, "\n");
    self += cat(v2 ? 0 : id, ":", controllers, ":/somewhere/else\n");
    ++id;
  }
  tree.write("mountinfo", info);
  tree.write("self", self);
  return {tree.path("mountinfo"), tree.path("self")};
}

inline std::unique_ptr<runtime::cgroup::Manager> open_fake_host(const Tree& tree,
                                                                const std::vector<std::string>& mounts) {
  auto manager = runtime::cgroup::Manager::open(fake_host(tree, mounts));
  if (!manager) throw std::runtime_error(manager.error().to_string());
  return *std::move(manager);
}

}  // namespace berth::testing
