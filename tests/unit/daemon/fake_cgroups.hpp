// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "runtime/cgroup/manager.hpp"
#include "tree.hpp"

namespace berth::daemon::testing {

/// A cgroup manager over a mount table of our own: which hierarchies a host has is all that a spec
/// asks of it.
class FakeHost {
 public:
  static constexpr const char* kUnified = "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
  static constexpr const char* kHybrid =
      "31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
      "32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
      "33 30 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
      "34 30 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

  explicit FakeHost(const std::string& mounts)
      : tree_{{"mountinfo", mounts}, {"cgroup", "0::/\n3:memory:/\n2:cpu,cpuacct:/\n1:name=systemd:/\n"}} {
    auto opened = runtime::cgroup::Manager::open({tree_.path("mountinfo"), tree_.path("cgroup")});
    if (!opened) throw std::runtime_error(opened.error().to_string());
    manager_ = *std::move(opened);
  }
  const runtime::cgroup::Manager& cgroups() const { return *manager_; }

 private:
  berth::testing::Tree tree_;
  std::unique_ptr<runtime::cgroup::Manager> manager_;
};

}  // namespace berth::daemon::testing
