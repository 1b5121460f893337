// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "daemon/ops/exec_ending.hpp"

namespace berth::daemon {

/// The output of one ExecSync and its end, gathered on the calling thread.
class ExecOutput {
 public:
  static constexpr std::size_t kStreamLimit = 16 << 20;  ///< bytes kept per stream

  ExecOutput(ExecBoard& board, std::string id) : ending_(board, std::move(id)) {}

  /// The end that the command gets; ours is kept.
  Result<UniqueFd> open_stdout() { return open_pipe(out_); }
  Result<UniqueFd> open_stderr() { return open_pipe(err_); }

  enum class Ending : unsigned char { kExited, kTimeout, kCancelled };
  /// Reads until the command has ended and both pipes are empty. Descendants that keep a pipe open
  /// do not hold the call: after the end only what is there, or comes within a short grace, is taken.
  Ending collect(std::chrono::steady_clock::time_point until, std::stop_token cancel, std::string& out,
                 std::string& err);
  /// After a kill: until the shim has reaped it.
  void wait_ended(std::chrono::milliseconds patience) const { ending_.wait(patience); }
  int exit_code() const { return ending_.exit_code(); }

 private:
  static Result<UniqueFd> open_pipe(UniqueFd& ours);
  ExecEnding ending_;
  UniqueFd out_, err_;
};

}  // namespace berth::daemon
