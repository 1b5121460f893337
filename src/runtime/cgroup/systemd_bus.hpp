// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "runtime/cgroup/systemd_properties.hpp"

namespace berth::runtime::cgroup {

/// The part of systemd's manager interface that makes, changes and ends transient units: over its
/// private socket, where no broker is between, or over the system bus. Each call is a connection of its
/// own, so that nothing is shared between threads, and nothing is lost when systemd is re-executed. Each
/// returns when systemd has done what was asked (a job has ended), after 25 s at the latest
/// (kDeadlineExceeded). kUnavailable when the connection breaks in between.
class SystemdBus {
 public:
  /// kFailedPrecondition when systemd does not answer there. Empty: where it usually is.
  static Result<SystemdBus> connect(const std::string& socket_path);

  /// kAlreadyExists when there is such a unit; kInvalidArgument for what systemd does not take.
  Result<void> start_unit(const std::string& unit, const std::vector<UnitProperty>& properties) const;
  /// Ends its processes. kNotFound when there is no such unit (any more).
  Result<void> stop_unit(const std::string& unit) const;
  /// Until the unit ends; nothing is written to systemd's configuration.
  Result<void> set_properties(const std::string& unit, const std::vector<UnitProperty>& properties) const;
  /// Lets go of what is left of a unit that failed. Absent is success.
  Result<void> reset_failed(const std::string& unit) const;

 private:
  explicit SystemdBus(std::string socket_path) : socket_path_(std::move(socket_path)) {}

  std::string socket_path_;
};

}  // namespace berth::runtime::cgroup
