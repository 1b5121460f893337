// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// A further process in a running container: user, groups, capabilities, filter, label, environment
/// and cgroup are the container's. In a cgroup v2 hierarchy it has a leaf of its own below the
/// container's group, so that a kill takes its tree and nothing else; elsewhere the main process
/// alone is killed.
class ExecProcess {
 public:
  struct Command {
    std::vector<std::string> args;
    bool terminal = false;
    std::array<std::optional<UniqueFd>, 3> stdio;  ///< without a terminal; absent: /dev/null
  };

  /// kNotFound, kFailedPrecondition (not running), kInvalidArgument (no command).
  static Result<std::unique_ptr<ExecProcess>> create(Services& with, const std::string& container_id,
                                                     std::vector<std::string> args);
  ExecProcess(const ExecProcess&) = delete;
  ExecProcess& operator=(const ExecProcess&) = delete;
  ~ExecProcess();

  const std::string& id() const { return id_; }
  /// `exec "sh" in container ID`, for errors.
  const std::string& story() const { return story_; }
  using Clock = std::chrono::steady_clock;
  /// Returns once the program runs; of a terminal its master, which does not block. After an error nothing is
  /// left to be run later. kFailedPrecondition while the container is paused.
  Result<UniqueFd> launch(Command command, Clock::time_point until = Clock::time_point::max());
  /// The whole tree.
  void kill();
  /// After the main process's end: what it left running in its group goes with it.
  void kill_rest();

 private:
  ExecProcess(Services& with, ContainerPtr container, std::shared_ptr<runtime::ShimClient> shim);
  Result<runtime::cgroup::JoinFds> create_cgroup();
  Result<runtime::LaunchPlan> plan(const Command& command);
  Result<UniqueFd> launch_program(Command command, Clock::time_point until);
  Result<void> refuse_paused() const;
  Result<std::shared_ptr<const runtime::SeccompProgram>> filter();

  Services& with_;
  const ContainerPtr container_;
  const std::shared_ptr<runtime::ShimClient> shim_;
  const std::string id_;
  const std::string leaf_;
  std::string story_;
  bool has_leaf_ = false;
};

}  // namespace berth::daemon
