// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "pid1/launch_protocol.h"
#include "runtime/cgroup/manager.hpp"
#include "runtime/plan.hpp"

namespace berth::runtime::cli {

struct LaunchOrder {
  LaunchPlan plan;
  bool is_exec = false;
  std::array<int, 3> stdio = {-1, -1, -1};  ///< -1: /dev/null of the container; borrowed
  UniqueFd gate, result;                    ///< absent: the gate waits for go()
  std::vector<int> preserved;               ///< become 3, 4, ...; borrowed
  /// A v2 group that berth-pid1 itself is born in. A child that is born late (pid1/birth.h) is born where its
  /// midwife is, and to move her there would take the lock that an exec must not wait for.
  cgroup::JoinFds group;
};

/// A process between its clone and its execve. It was cloned by berth-pid1 from sealed memory, as a
/// child of this process; it is not killed when this object goes.
class LaunchedChild {
 public:
  /// Returns when berth-pid1 runs; what becomes of it is said by next().
  static Result<LaunchedChild> start(LaunchOrder order);
  /// A child of ours that another program made, and that runs.
  static Result<LaunchedChild> adopt(pid_t pid);
  LaunchedChild(LaunchedChild&&) = default;
  LaunchedChild& operator=(LaunchedChild&&) = default;
  ~LaunchedChild();

  /// What it said, launch::Message::kLaunched left out; kind 0 when the socket was closed. Blocks.
  struct Said {
    std::uint32_t kind = 0;
    plan::Failure failure = {};
    UniqueFd fd;  ///< with kTerminal
  };
  Result<Said> next();
  /// Opens the gate, or lets it go on after the hooks.
  Result<void> go();
  /// After kReady or go() of an exec: waits for the execve. The failure in words.
  Result<void> wait_for_exec();
  /// Said{kFailed} or an unexpected end as a sentence.
  Error explain(const Said& said) const;

  pid_t pid() const { return pid_; }  ///< 0 until it is known
  int pidfd() const { return pidfd_.get(); }
  UniqueFd take_pidfd() { return std::move(pidfd_); }
  std::vector<std::string>& labels() { return labels_; }

 private:
  LaunchedChild() = default;
  Result<void> learn_pid(pid_t pid);
  Result<Said> receive();

  UniqueFd socket_;
  UniqueFd launcher_;  // berth-pid1 itself, until it is reaped
  UniqueFd pidfd_;
  pid_t pid_ = 0;
  std::deque<Said> held_;
  bool closed_ = false;
  std::vector<std::string> labels_;
};

/// Blocks until it has ended, and reaps it: its exit status, or 128 and the signal.
Result<int> wait_for_end(int pidfd);

}  // namespace berth::runtime::cli
