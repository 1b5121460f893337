// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "base/result.hpp"

namespace berth {

/// One exclusive lease per key, so that two operations on one pod or container never overlap. Unlike
/// a mutex it may be held across a wait for a workload, because every waiter has a deadline and can
/// be cancelled. Keys nobody holds or waits for take no memory. A lease may outlive the KeyedLock.
class KeyedLock {
  struct Slot {
    bool held = false;
    int waiters = 0;
    std::condition_variable_any freed;
  };
  struct State {
    std::mutex mutex;
    std::map<std::string, std::unique_ptr<Slot>> slots;
  };

 public:
  /// Gives the key back when destroyed. A moved-from or default one holds nothing.
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept : state_(std::move(other.state_)), key_(std::move(other.key_)) {}
    Lease& operator=(Lease&& other) noexcept {
      if (this != &other) {
        release();
        state_ = std::move(other.state_);
        key_ = std::move(other.key_);
      }
      return *this;
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { release(); }

    explicit operator bool() const { return state_ != nullptr; }
    void release() {
      if (auto state = std::exchange(state_, nullptr)) give_back(*state, key_);
    }

   private:
    friend class KeyedLock;
    Lease(std::shared_ptr<State> state, std::string key) : state_(std::move(state)), key_(std::move(key)) {}
    std::shared_ptr<State> state_;
    std::string key_;
  };

  /// Blocks until the key is free. kDeadlineExceeded: still held at `deadline`; kCancelled. Not
  /// recursive.
  Result<Lease> acquire(const std::string& key,
                        std::optional<std::chrono::steady_clock::time_point> deadline = std::nullopt,
                        std::stop_token cancel = {}) {
    if (cancel.stop_requested()) return Error(Code::kCancelled, "the caller has gone");
    std::unique_lock lock(state_->mutex);
    auto& entry = state_->slots[key];
    if (!entry) entry = std::make_unique<Slot>();
    Slot& slot = *entry;  // stays while held or waited for
    const auto is_free = [&slot] { return !slot.held; };
    ++slot.waiters;
    const bool in_time = deadline ? slot.freed.wait_until(lock, cancel, *deadline, is_free)
                                  : slot.freed.wait(lock, cancel, is_free);
    --slot.waiters;
    if (in_time) {
      slot.held = true;
      return Lease(state_, key);
    }
    drop_if_unused(*state_, key, slot);
    if (cancel.stop_requested()) return Error(Code::kCancelled, "the caller has gone");
    return Error(Code::kDeadlineExceeded, key + " is busy with another operation");
  }

  /// Keys in use, for tests and diagnostics.
  std::size_t size() const {
    std::lock_guard lock(state_->mutex);
    return state_->slots.size();
  }

 private:
  static void drop_if_unused(State& state, const std::string& key, const Slot& slot) {
    if (!slot.held && slot.waiters == 0) state.slots.erase(key);
  }

  static void give_back(State& state, const std::string& key) {
    std::lock_guard lock(state.mutex);
    Slot& slot = *state.slots.at(key);
    slot.held = false;
    // All, not one: the one woken may be the one whose deadline has just passed.
    slot.freed.notify_all();
    drop_if_unused(state, key, slot);
  }

  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace berth
