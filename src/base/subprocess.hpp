// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth {

/// A child process started with posix_spawn (the daemon never forks). Killed and reaped by its
/// destructor, so an abandoned one cannot linger.
struct SpawnRequest {
  std::string program;                   ///< absolute, or /proc/self/fd/N, N being ours
  std::vector<std::string> argv;         ///< argv[0] included
  std::vector<std::string> env;          ///< complete environment, "K=V"
  std::vector<std::pair<int, int>> fds;  ///< {ours, theirs}; everything else is closed
  bool new_session = false;              ///< setsid in the child
};

class Subprocess {
 public:
  Subprocess() = default;
  Subprocess(Subprocess&& other) noexcept;
  Subprocess& operator=(Subprocess&& other) noexcept;
  Subprocess(const Subprocess&) = delete;
  Subprocess& operator=(const Subprocess&) = delete;
  ~Subprocess();

  /// stdin, stdout and stderr are /dev/null unless mapped in `fds`. Signals are reset to default
  /// and unblocked in the child.
  static Result<Subprocess> spawn(const SpawnRequest& request);

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }

  /// Blocks until exit; the raw wait(2) status.
  Result<int> wait();
  /// kDeadlineExceeded / kCancelled leave the process running.
  Result<int> wait_until(std::chrono::steady_clock::time_point deadline, std::stop_token cancel = {});
  void
  kill_group_and_reap();  ///< SIGKILL to its session's first process group when new_session, else to it alone
  /// Gives up ownership: the process outlives this object and is never reaped by it.
  void release();

 private:
  pid_t pid_ = -1;
  UniqueFd pidfd_;
  bool session_ = false;
};

/// Runs a program to its end with `input` on stdin; captures at most `limit` bytes of stdout and of
/// stderr each (excess is discarded). Past the deadline, or on cancel, its session is killed.
struct Completed {
  int wait_status = 0;
  std::string out;
  std::string err;
};
Result<Completed> run_to_end(SpawnRequest request, std::string_view input, std::size_t limit,
                             std::chrono::steady_clock::time_point deadline, std::stop_token cancel = {});

/// "exit status 3" / "killed by signal 9 (Killed)".
std::string describe_wait_status(int status);

}  // namespace berth
