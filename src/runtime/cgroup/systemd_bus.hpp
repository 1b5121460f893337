// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "runtime/cgroup/systemd_properties.hpp"

namespace berth::runtime::cgroup {

/// The part of systemd's manager interface that makes, changes and ends transient units, over one
/// connection that is kept: to its private socket, where no broker is between, or to the system bus.
/// Calls of many threads are in flight at the same time. Each returns when systemd has done what was
/// asked (a job has ended), after 25 s at the latest (kDeadlineExceeded). A connection that was lost
/// (systemd was re-executed) is made again by the next call; what was in flight is kUnavailable.
class SystemdBus {
 public:
  /// kFailedPrecondition when systemd does not answer there. Empty: where it usually is.
  static Result<std::unique_ptr<SystemdBus>> connect(const std::string& address);
  ~SystemdBus();
  SystemdBus(const SystemdBus&) = delete;
  SystemdBus& operator=(const SystemdBus&) = delete;

  /// kAlreadyExists when there is such a unit; kInvalidArgument for what systemd does not take.
  Result<void> start_unit(const std::string& unit, const std::vector<UnitProperty>& properties);
  /// Ends its processes. kNotFound when there is no such unit (any more).
  Result<void> stop_unit(const std::string& unit);
  /// Until the unit ends; nothing is written to systemd's configuration.
  Result<void> set_properties(const std::string& unit, const std::vector<UnitProperty>& properties);
  /// Lets go of what is left of a unit that failed. Absent is success.
  Result<void> reset_failed(const std::string& unit);

 private:
  struct State;
  explicit SystemdBus(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace berth::runtime::cgroup
