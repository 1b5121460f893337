// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "daemon/ops/exit_board.hpp"

namespace berth::daemon {

/// How one exec ends. Stands on the board from before its launch, so that no end is missed.
class ExecEnding {
 public:
  ExecEnding(ExecBoard& board, std::string id);
  ExecEnding(const ExecEnding&) = delete;
  ExecEnding& operator=(const ExecEnding&) = delete;
  ~ExecEnding() { board_.remove(id_); }

  int fd() const { return entry_->ended.get(); }  ///< readable once it has ended
  bool ended() const { return entry_->exit.lock()->has_value(); }
  int exit_code() const;  ///< -1 before the end
  /// After a kill: until the shim has reaped it.
  void wait(std::chrono::milliseconds patience) const;

 private:
  ExecBoard& board_;
  std::string id_;
  std::shared_ptr<ExecBoard::Entry> entry_;
};

}  // namespace berth::daemon
