// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/cat.hpp"
#include "runtime/cgroup/hierarchies.hpp"
#include "runtime/cgroup/manager.hpp"

namespace berth::runtime::cgroup {

/// The cgroupfs driver, on every host: what differs between v1, v2 and hybrid is in the layout.
class HostManager : public Manager {
 public:
  explicit HostManager(Layout layout) : layout_(std::move(layout)) {}

  Result<void> create(const std::string& path, const oci::Resources& resources) override;
  Result<void> update(const std::string& path, const oci::Resources& resources) override;
  Result<JoinFds> open_join(const std::string& path) override;
  Result<UniqueFd> hold(const std::string&) override { return UniqueFd(); }
  Result<void> delegate(const std::string& path, std::uint32_t uid) override;
  Result<UniqueFd> create_leaf(const std::string& path, const std::string& leaf) override;
  Result<void> remove_leaf(const std::string& path, const std::string& leaf) override;

  Result<void> kill(const std::string& path) override;
  Result<void> freeze(const std::string& path) override;
  bool is_frozen(const std::string& path) const override;
  Result<void> thaw(const std::string& path) override;
  Result<void> remove(const std::string& path, std::chrono::milliseconds patience) override;
  void remove_if_empty(const std::string& path) override;
  bool exists(const std::string& path) const override;

  Result<UniqueFd> open_oom_counter(const std::string& path) override;
  Result<Stats> stats(const std::string& path) override;
  Result<Stats> usage(const std::string& path) override;
  Result<DetailedStats> detailed_stats(const std::string& path) override;
  std::vector<std::string> children(const std::string& path) override;
  std::vector<int> processes(const std::string& path) override;

  std::string describe() const override;
  bool is_unified() const override { return layout_.is_unified(); }
  bool has_controller(const std::string& name) const override { return layout_.find(name) != nullptr; }
  std::vector<Hierarchy> hierarchies() const override;

 protected:
  /// create() without its checks, for a group that may be there and inhabited already.
  Result<void> fill(const std::string& path, const oci::Resources& resources) const;
  /// update() with something in the middle that may write coarser values over the exact ones; they are
  /// written again afterwards. What it refuses is taken back.
  Result<void> update_around(const std::string& path, const oci::Resources& resources,
                             const std::function<Result<void>()>& middle) const;
  /// A group that is there already is fine, one that already runs something is somebody else's.
  Result<void> refuse_inhabited(const std::string& path) const;
  const Layout& layout() const { return layout_; }

 private:
  /// A directory that one creation made, to be taken away again if a later step fails.
  struct Made {
    const MountedHierarchy* hierarchy;
    std::string path;
  };
  static void undo(const std::vector<Made>& made);
  Result<void> make_groups(const std::string& path, const oci::Resources& resources,
                           std::vector<Made>& made) const;
  Result<void> apply(const std::string& path, const oci::Resources& resources) const;
  Result<void> remove_from(const std::vector<const MountedHierarchy*>& where, const std::string& path,
                           std::chrono::milliseconds patience) const;
  std::vector<const MountedHierarchy*> all() const;
  Error absent(const std::string& path) const {
    return {Code::kNotFound, cat("cgroup ", path, " does not exist")};
  }

  const Layout layout_;
};

}  // namespace berth::runtime::cgroup
