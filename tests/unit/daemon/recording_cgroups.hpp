// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/guarded.hpp"
#include "runtime/cgroup/detailed_stats.hpp"

namespace berth::daemon::testing {

/// Cgroups without a kernel: which groups there are, and what was done to them.
class RecordingCgroups final : public runtime::cgroup::Manager {
 public:
  using JoinFds = runtime::cgroup::JoinFds;
  using Stats = runtime::cgroup::Stats;
  /// A host whose only hierarchy is cgroup2, or one with these.
  RecordingCgroups() = default;
  explicit RecordingCgroups(std::vector<Hierarchy> hierarchies) : hierarchies_(std::move(hierarchies)) {}

  Guarded<std::set<std::string>> groups;
  Guarded<std::vector<std::string>> killed;
  std::atomic<bool> kill_fails{false};

  Result<void> create(const std::string& path, const oci::Resources&) override {
    groups.lock()->insert(path);
    return {};
  }
  Result<void> update(const std::string&, const oci::Resources&) override { return {}; }
  Result<JoinFds> open_join(const std::string& path) override { return none(path); }
  Result<UniqueFd> hold(const std::string&) override { return UniqueFd(); }
  Result<void> delegate(const std::string&, std::uint32_t) override { return {}; }
  Result<UniqueFd> create_leaf(const std::string& path, const std::string&) override { return none(path); }
  Result<void> remove_leaf(const std::string&, const std::string&) override { return {}; }
  Result<void> kill(const std::string& path) override {
    if (kill_fails) return none(path);
    killed.lock()->push_back(path);
    return {};
  }
  Result<void> freeze(const std::string&) override { return {}; }
  Result<void> thaw(const std::string&) override { return {}; }
  bool is_frozen(const std::string&) const override { return false; }
  Result<void> remove(const std::string& path, std::chrono::milliseconds) override {
    groups.lock()->erase(path);
    return {};
  }
  void remove_if_empty(const std::string&) override {}
  bool exists(const std::string& path) const override { return groups.lock()->contains(path); }
  Result<UniqueFd> open_oom_counter(const std::string& path) override { return none(path); }
  Result<Stats> stats(const std::string& path) override { return none(path); }
  Result<runtime::cgroup::DetailedStats> detailed_stats(const std::string& path) override {
    return none(path);
  }
  Result<Stats> usage(const std::string& path) override { return none(path); }
  std::vector<std::string> children(const std::string&) override { return {}; }
  std::vector<int> processes(const std::string&) override { return {}; }
  std::string describe() const override { return "recording"; }
  bool is_unified() const override { return hierarchies_.empty(); }
  bool has_controller(const std::string&) const override { return true; }
  std::vector<Hierarchy> hierarchies() const override { return hierarchies_; }

 private:
  static Error none(const std::string& path) { return Error(Code::kInternal, "no kernel here for " + path); }
  std::vector<Hierarchy> hierarchies_;
};

}  // namespace berth::daemon::testing
