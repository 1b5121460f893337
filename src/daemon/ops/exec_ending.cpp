// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/exec_ending.hpp"

#include <poll.h>
#include <sys/eventfd.h>

namespace berth::daemon {

ExecEnding::ExecEnding(ExecBoard& board, std::string id)
    : board_(board), id_(std::move(id)), entry_(std::make_shared<ExecBoard::Entry>()) {
  entry_->ended.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  board_.add(id_, entry_);
}

int ExecEnding::exit_code() const {
  const auto exit = *entry_->exit.lock();
  return exit ? exit->exit_code : -1;
}

void ExecEnding::wait(std::chrono::milliseconds patience) const {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!ended()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return;
    pollfd waiting{fd(), POLLIN, 0};
    (void)::poll(&waiting, 1, static_cast<int>(left.count()));
  }
}

}  // namespace berth::daemon
