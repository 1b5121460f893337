// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runtime/oci/resources.hpp"

namespace berth::runtime::cgroup {

/// Pressure stall information: shares of time in percent, and all of it since the group was made.
struct PressureLine {
  double avg10 = 0, avg60 = 0, avg300 = 0;
  std::uint64_t total_us = 0;
};
struct Pressure {
  std::optional<PressureLine> some, full;
};

/// Counters of one cgroup; absent where the host's controller does not tell.
struct Stats {
  std::uint64_t cpu_usage_ns = 0;
  std::optional<std::uint64_t> memory_usage;  ///< bytes, cache included
  std::optional<std::uint64_t> memory_working_set;
  std::optional<std::uint64_t> memory_rss;
  std::optional<std::uint64_t> memory_limit;  ///< absent: unlimited
  std::optional<std::uint64_t> page_faults;
  std::optional<std::uint64_t> major_page_faults;
  std::optional<std::uint64_t> swap_usage;
  std::optional<std::uint64_t> pids;
  Pressure cpu_pressure, memory_pressure, io_pressure;
};

/// What a child with one thread needs to move itself into a cgroup ("0" into each of `tasks`) and to
/// be born in it. Neither takes the kernel's lock against forks, as writing to cgroup.procs does: to
/// get that one after a pause takes an RCU grace period, 10 to 40 ms in which nothing else happens.
struct JoinFds {
  std::vector<UniqueFd> tasks;  ///< the file of that name in every v1 hierarchy
  UniqueFd v2;                  ///< directory in the unified hierarchy, for CLONE_INTO_CGROUP
  /// Keep it until the child has been born: see Manager::hold(). Not for the child.
  UniqueFd hold;
};

struct DetailedStats;

/// One interface over cgroup v2, v1 and hybrid hosts. Each controller is resolved on its own from
/// mountinfo, /proc/self/cgroup and cgroup.controllers; there is no global mode. A group is named
/// by its path relative to the hierarchies' roots ("/kubepods/burstable/podX/berth-<id>"), the same
/// in all of them; with systemd's driver the last name is a unit's ("berth-<id>.scope", "x.slice")
/// and the others are its slices (systemd_names.hpp makes such paths). All calls block on the kernel
/// and on systemd only; thread-safe.
class Manager {
 public:
  struct Options {
    std::string mount_info_path = "/proc/self/mountinfo";  ///< tests point it to a fake tree
    std::string self_cgroup_path = "/proc/self/cgroup";
    /// SystemdManager: berth-pid1, whose `hold` is in a scope before anything else is.
    std::string holder_program;
    /// SystemdManager: the socket where systemd listens; empty: its private socket, or else the system bus.
    std::string systemd_address;
  };
  /// The groups are directories that we make: the cgroupfs driver. kFailedPrecondition when the host
  /// has no cgroups.
  static Result<std::unique_ptr<Manager>> open(const Options& options);
  virtual ~Manager() = default;

  /// Creates the group in every hierarchy (missing parents too, with cpuset copied down and v2
  /// controllers enabled), then applies the limits. On error nothing of it is left.
  virtual Result<void> create(const std::string& path, const oci::Resources& resources) = 0;
  /// All or nothing: on error the old limits are restored. kInvalidArgument for values the kernel refuses.
  virtual Result<void> update(const std::string& path, const oci::Resources& resources) = 0;
  virtual Result<JoinFds> open_join(const std::string& path) = 0;
  /// systemd removes a scope when its last process ends, and has none without a process: while the
  /// descriptor is open, there is one. create() makes such a hold, and the next open_join() hands it
  /// over. Empty with the cgroupfs driver, whose groups stay.
  virtual Result<UniqueFd> hold(const std::string& path) = 0;
  /// Gives the group to a user, as far as the kernel's list of delegatable files goes: what a
  /// container with a cgroup namespace of its own and a writable cgroup2 mount may use. Does
  /// nothing in v1 hierarchies, where delegation is not safe.
  virtual Result<void> delegate(const std::string& path, std::uint32_t uid) = 0;
  /// A group only in the unified hierarchy below `path`, for one exec's tree; kFailedPrecondition
  /// on hosts without cgroup2. Returned fd is its directory.
  virtual Result<UniqueFd> create_leaf(const std::string& path, const std::string& leaf) = 0;
  virtual Result<void> remove_leaf(const std::string& path, const std::string& leaf) = 0;

  /// SIGKILL to every process of the group and below: cgroup.kill where there is one, otherwise
  /// freeze, kill, thaw. Does not wait.
  virtual Result<void> kill(const std::string& path) = 0;
  virtual Result<void> freeze(const std::string& path) = 0;
  virtual Result<void> thaw(const std::string& path) = 0;
  /// By whomever, in whichever hierarchy, also through a parent: what is born there does not run.
  virtual bool is_frozen(const std::string& path) const = 0;
  /// Removes the group and all below it in every hierarchy; EBUSY is retried until the deadline.
  /// Absent is success. Never removes parents.
  virtual Result<void> remove(const std::string& path, std::chrono::milliseconds patience) = 0;
  /// rmdir of `path` in every hierarchy if it is empty; used for parents that we created.
  virtual void remove_if_empty(const std::string& path) = 0;
  virtual bool exists(const std::string& path) const = 0;

  /// For the OOM verdict: memory.oom_control (v1) or memory.events (v2), open for reading.
  virtual Result<UniqueFd> open_oom_counter(const std::string& path) = 0;
  virtual Result<Stats> stats(const std::string& path) = 0;
  virtual Result<DetailedStats> detailed_stats(const std::string& path) = 0;
  /// Of these only the time and the memory, without its limit: what is asked of every container at once.
  virtual Result<Stats> usage(const std::string& path) = 0;
  /// Names of direct sub-groups in any hierarchy, for the recovery sweep.
  virtual std::vector<std::string> children(const std::string& path) = 0;
  virtual std::vector<int> processes(const std::string& path) = 0;

  /// "v1", "v2" or "hybrid", and one line per controller, for `berthctl check` and Status.
  virtual std::string describe() const = 0;
  virtual bool is_unified() const = 0;
  virtual bool has_controller(const std::string& name) const = 0;
  /// The mounts a container sees under /sys/fs/cgroup: v1 hierarchy names and options.
  struct Hierarchy {
    std::string mount_point;               ///< "/sys/fs/cgroup/memory"
    std::vector<std::string> controllers;  ///< {"cpu","cpuacct"}; {"name=systemd"}; empty for cgroup2
    bool v2 = false;
  };
  virtual std::vector<Hierarchy> hierarchies() const = 0;
};

}  // namespace berth::runtime::cgroup
