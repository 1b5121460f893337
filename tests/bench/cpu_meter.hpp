// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace berth::bench {

/// CPU seconds spent between two moments.
struct CpuUse {
  double wall = 0;     ///< seconds between them
  double runtime = 0;  ///< daemon, shims, plugins, containers: the group's, or the machine's less our own
  double daemon = 0;   ///< the daemon process alone
  double foreign = 0;  ///< everything but the runtime and us: how much to trust the rest
};

/// Reads CPU clocks. With a cgroup that holds the daemon and all its pods the runtime's share is
/// exact; without one it is the whole machine's busy time less this process's.
class CpuMeter {
 public:
  /// `group_file` is a cpuacct.usage (v1) or cpu.stat (v2) file, or empty.
  CpuMeter(int daemon_pid, std::string group_file)
      : daemon_pid_(daemon_pid), group_file_(std::move(group_file)) {}
  void start() { began_ = read(); }
  CpuUse stop() const;
  /// The daemon's time in seconds, exact to the nanosecond where /proc has ticks.
  double daemon_exactly() const;
  int daemon_pid() const { return daemon_pid_; }
  bool has_group() const { return !group_file_.empty(); }

 private:
  struct Clocks {
    double wall, machine, own, daemon, group;
  };
  Clocks read() const;
  int daemon_pid_;
  std::string group_file_;
  Clocks began_{};
};

/// Seconds in a cpuacct.usage or cpu.stat file; 0 when it cannot be read.
double group_seconds(const std::string& file);

}  // namespace berth::bench
