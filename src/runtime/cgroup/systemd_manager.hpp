// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/guarded.hpp"
#include "runtime/cgroup/host_manager.hpp"
#include "runtime/cgroup/systemd_bus.hpp"
#include "runtime/cgroup/systemd_names.hpp"

namespace berth::runtime::cgroup {

/// The systemd driver: groups are transient units, whose limits systemd is told as properties and the
/// kernel as files, with the exact values. What is below a scope is delegated to us and made by hand.
/// Needs a host with cgroup v2 alone: in v1 systemd resets device rules whenever it reloads.
class SystemdManager final : public HostManager {
 public:
  /// kFailedPrecondition without systemd, or on another host than it needs.
  static Result<std::unique_ptr<Manager>> open(const Manager::Options& options);

  Result<void> create(const std::string& path, const oci::Resources& resources) override;
  Result<void> update(const std::string& path, const oci::Resources& resources) override;
  Result<JoinFds> open_join(const std::string& path) override;
  Result<UniqueFd> hold(const std::string& path) override;
  Result<void> remove(const std::string& path, std::chrono::milliseconds patience) override;
  /// A slice is stopped; a scope goes with its last process.
  void remove_if_empty(const std::string& path) override;
  std::string describe() const override;

 private:
  /// A process that does nothing until the pipe's other end is closed.
  struct Holder {
    UniqueFd pidfd;
    pid_t pid = 0;
    UniqueFd pipe;
  };
  SystemdManager(Layout layout, std::string holder_program, SystemdBus bus)
      : HostManager(std::move(layout)), holder_program_(std::move(holder_program)), bus_(std::move(bus)) {}
  Result<Holder> spawn_holder(const JoinFds* group);
  Result<void> start_unit(const UnitPlace& place, pid_t first, const oci::Resources& resources);
  Result<void> stop_unit(const UnitPlace& place);
  std::string cpu_max(const std::string& path) const;

  const std::string holder_program_;
  const SystemdBus bus_;
  Guarded<std::map<std::string, UniqueFd>> holds_;  ///< by path: made by create(), not yet handed over
  Guarded<std::vector<UniqueFd>> ended_;            ///< pidfds of holders, to be reaped
};

}  // namespace berth::runtime::cgroup
