// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.hpp"

namespace berth {

/// One thread with an epoll: shim sockets, pidfds, inotify, timers, signals. Its callbacks update
/// guarded state, wake waiters and post to lanes; they never block. All methods are thread-safe,
/// and may be called from callbacks.
class Reactor {
 public:
  using Token = std::uint64_t;
  static Result<std::unique_ptr<Reactor>> start();
  ~Reactor();  ///< stops and joins; pending callbacks are dropped
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /// Watches a descriptor that the caller owns and keeps open until remove() returned.
  /// `events` and the callback's argument are EPOLLIN, EPOLLOUT, ... (level-triggered).
  Result<Token> watch(int fd, std::uint32_t events, std::function<void(std::uint32_t)> callback);
  /// After it returns the callback is not running and never runs again, except when called from
  /// that very callback. Unknown tokens are ignored.
  void remove(Token token);

  /// Runs once, at `when` (monotonic). remove() cancels.
  Token at(std::chrono::steady_clock::time_point when, std::function<void()> callback);
  Token after(std::chrono::milliseconds delay, std::function<void()> callback) {
    return at(std::chrono::steady_clock::now() + delay, std::move(callback));
  }
  /// Runs soon on the reactor's thread.
  void post(std::function<void()> callback);

 private:
  struct State;
  explicit Reactor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace berth
