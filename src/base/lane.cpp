// SPDX-License-Identifier: Apache-2.0
#include "base/lane.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "base/thread.hpp"

namespace berth {

struct Lane::State {
  Options options;
  std::mutex mutex;
  std::condition_variable work;   // a task was queued, or the lane closes
  std::condition_variable empty;  // the last thread left
  std::deque<std::function<void()>> queue;
  std::size_t threads = 0;
  std::size_t idle = 0;  // of them, those that run no task, including those not started up yet
  bool closing = false;

  void serve();
  bool wait_for_work(std::unique_lock<std::mutex>& lock);
};

// False when this thread is to end.
bool Lane::State::wait_for_work(std::unique_lock<std::mutex>& lock) {
  const auto woken = [this] { return closing || !queue.empty(); };
  while (!woken()) {
    // Only the threads above the minimum wake up in vain.
    if (threads <= options.min_threads) {
      work.wait(lock, woken);
    } else if (!work.wait_for(lock, std::chrono::seconds(options.idle_seconds), woken) &&
               threads > options.min_threads) {
      return false;
    }
  }
  return !queue.empty();
}

void Lane::State::serve() {
  std::unique_lock lock(mutex);
  while (wait_for_work(lock)) {
    std::function<void()> task = std::move(queue.front());
    queue.pop_front();
    --idle;
    lock.unlock();
    task();
    task = nullptr;  // what it captured dies before it counts as done
    lock.lock();
    ++idle;
  }
  --idle;
  if (--threads == 0) empty.notify_all();
}

Lane::Lane(Options options) : state_(std::make_shared<State>()) {
  options.max_threads = std::max<std::size_t>(options.max_threads, 1);
  state_->options = std::move(options);
}

Lane::~Lane() {
  std::unique_lock lock(state_->mutex);
  state_->closing = true;
  state_->work.notify_all();
  state_->empty.wait(lock, [this] { return state_->threads == 0; });
}

bool Lane::try_post(std::function<void()> task) {
  State& state = *state_;
  std::lock_guard lock(state.mutex);
  const std::size_t busy = state.threads - state.idle;
  if (state.closing || state.queue.size() >= state.options.max_threads - busy + state.options.queue_limit)
    return false;
  state.queue.push_back(std::move(task));
  if (state.queue.size() > state.idle && state.threads < state.options.max_threads) {
    // Detached, but counted, and it keeps the state alive: the destructor waits for the count.
    auto thread = start_thread(state.options.name, [shared = state_] { shared->serve(); });
    if (thread) {
      thread->detach();
      ++state.threads;
      ++state.idle;
    } else if (state.threads == 0) {
      state.queue.pop_back();
      return false;
    }
  }
  state.work.notify_one();
  return true;
}

}  // namespace berth
