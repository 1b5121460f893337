// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/process_id.hpp"
#include "base/reactor.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "pid1/shim_protocol.h"
#include "runtime/cgroup/manager.hpp"
#include "runtime/plan.hpp"

namespace berth::runtime {

/// The daemon's end of one pod's shim. Calls block the calling (lane) thread until the shim's
/// reply or the deadline, never the reactor; many threads may call at once. A lost connection fails
/// all waiting calls with kUnavailable.
class ShimClient {
 public:
  struct Events {
    /// On the reactor thread; must not block. A container's or exec's main process has ended.
    std::function<void(const shim::ObjectState&)> exited;
    std::function<void()> pause_exited;
    std::function<void()> disconnected;  ///< the shim is gone (or was told to go)
  };
  struct Launched {
    ProcessId process;  ///< in the host's PID namespace
    UniqueFd terminal;  ///< of an exec with one: its master
  };
  struct PodSetup {
    std::string pod_id;
    UniqueFd network, ipc, uts, user;  ///< absent: the host's
    bool share_pid = false;
    cgroup::JoinFds pause_cgroup;  ///< of pause, when there is one
  };
  struct LaunchRequest {
    std::string id;           ///< 64 hex
    std::uint32_t flags = 0;  ///< shim::LaunchFlags
    LaunchPlan plan;
    std::optional<UniqueFd> stdio[3];
    UniqueFd log_dir;  ///< absent: output is discarded
    std::string log_name;
    std::uint64_t log_max_size = 0;   ///< bytes before the shim rotates the file; 0: it does not
    std::uint32_t log_max_files = 0;  ///< rotated files that are kept
    UniqueFd journal;                 ///< connected to systemd's journal; absent: only the file
    std::string journal_fields;       ///< cut where shim::Launch has no more room
    UniqueFd oom_counter;
  };

  /// Write ends of pipes of 1 MiB; absent: not wanted.
  struct AttachRequest {
    std::string id;
    UniqueFd out, err;
  };

  using Deadline = std::chrono::steady_clock::time_point;

  /// Connects to <pod_dir>/shim.sock and shakes hands. kNotFound when no shim listens there.
  static Result<std::shared_ptr<ShimClient>> connect(const std::string& pod_dir, Reactor& reactor,
                                                     Events events);
  ~ShimClient();

  Result<void> init_pod(PodSetup setup, Deadline deadline);
  /// Containers: returns at the exec gate. Execs: returns when the program runs. A failed step is
  /// told in words by launch_failure.
  Result<Launched> launch(LaunchRequest request, Deadline deadline);
  Result<void> start(const std::string& id, const std::vector<std::string>& labels, Deadline deadline);
  /// kNotFound when the object has exited or is unknown.
  Result<void> signal(const std::string& id, int signal_number);
  Result<void> reopen_log(const std::string& id, Deadline deadline);
  /// A client for a container's output, which the shim feeds until the container ends or the client
  /// does not keep up. What its stdin is written to, or the master of its terminal; absent: neither.
  Result<UniqueFd> attach(AttachRequest request, Deadline deadline);
  /// The program reads an end of file once nobody else holds its stdin.
  Result<void> end_stdin(const std::string& id);
  Result<void> forget(const std::string& id);
  Result<std::vector<shim::ObjectState>> list(Deadline deadline);
  /// Ends pause and the shim. kFailedPrecondition while a container lives.
  Result<void> shut_down(Deadline deadline);

  ProcessId process() const;  ///< of the shim
  bool connected() const;
  int pause_pid() const;  ///< 0: none

 private:
  struct State;
  explicit ShimClient(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace berth::runtime
