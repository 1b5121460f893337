// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "base/result.hpp"

namespace berth {

/// One execution per key: the first caller runs the work, later ones with the same key wait for
/// its result. The work has its own stop token, requested only when the last waiter has left, so
/// that a cancelled leader never fails its followers. The result is not kept: the next call after
/// the work's end runs anew.
template <class T>
class SingleFlight {
 public:
  using Work = std::function<Result<T>(std::stop_token)>;
  using Post = std::function<bool(std::function<void()>)>;  ///< runs a task on a lane; false: full

  /// Blocks until the result, the deadline, or `cancel`. `post` is used by the first caller only.
  Result<T> run(const std::string& key, const Post& post, Work work, std::stop_token cancel = {},
                std::optional<std::chrono::steady_clock::time_point> deadline = std::nullopt) {
    std::shared_ptr<Flight> flight;
    bool leader = false;
    {
      std::lock_guard lock(mutex_);
      auto& slot = flights_[key];
      // A flight that everybody has left is on its way to being cancelled: do not board it.
      if (!slot || slot->abandoned) {
        slot = std::make_shared<Flight>();
        leader = true;
      }
      flight = slot;
      ++flight->waiters;
    }
    if (leader && !post([this, key, flight, work = std::move(work)] { execute(key, flight, work); })) {
      finish(key, flight, Error(Code::kResourceExhausted, "too many requests of this kind in flight"));
    }
    return wait(*flight, cancel, deadline);
  }

  /// How many callers wait for this key now, for tests and diagnostics.
  int waiters(const std::string& key) const {
    std::lock_guard lock(mutex_);
    const auto found = flights_.find(key);
    return found == flights_.end() ? 0 : found->second->waiters;
  }

 private:
  struct Flight {
    std::stop_source stop;
    std::condition_variable_any done;
    std::optional<Result<T>> result;
    int waiters = 0;
    bool abandoned = false;
  };

  void execute(const std::string& key, const std::shared_ptr<Flight>& flight, const Work& work) {
    finish(key, flight, work(flight->stop.get_token()));
  }

  void finish(const std::string& key, const std::shared_ptr<Flight>& flight, Result<T> result) {
    std::lock_guard lock(mutex_);
    flight->result = std::move(result);
    if (auto found = flights_.find(key); found != flights_.end() && found->second == flight)
      flights_.erase(found);
    flight->done.notify_all();
  }

  Result<T> wait(Flight& flight, std::stop_token cancel,
                 std::optional<std::chrono::steady_clock::time_point> deadline) {
    std::unique_lock lock(mutex_);
    auto ready = [&] { return flight.result.has_value(); };
    bool in_time = true;
    if (deadline) {
      in_time = flight.done.wait_until(lock, cancel, *deadline, ready);
    } else {
      in_time = flight.done.wait(lock, cancel, ready);
    }
    --flight.waiters;
    if (in_time) return *flight.result;
    if (flight.waiters == 0) {
      flight.abandoned = true;
      lock.unlock();  // the work's own stop callbacks run here and may take locks
      flight.stop.request_stop();
    }
    if (cancel.stop_requested()) return Error(Code::kCancelled, "the caller has gone");
    return Error(Code::kDeadlineExceeded, "the caller's deadline has passed");
  }

  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Flight>> flights_;
};

}  // namespace berth
