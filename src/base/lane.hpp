// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace berth {

/// A bounded pool of threads for one kind of work, so that an hour of image pulls can never delay
/// ListContainers. Threads are started on demand up to `max_threads` and end after `idle` seconds
/// without work, down to `min_threads`.
class Lane {
 public:
  struct Options {
    std::string name;  ///< thread name, at most 15 characters
    std::size_t min_threads = 1;
    std::size_t max_threads = 1;
    std::size_t queue_limit = 1024;  ///< tasks waiting beyond the running ones
    unsigned idle_seconds = 10;
  };
  explicit Lane(Options options);
  /// Waits for running tasks; tasks still queued are run, too.
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// False when the lane is full: the caller answers RESOURCE_EXHAUSTED, at once. Never blocks.
  [[nodiscard]] bool try_post(std::function<void()> task);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace berth
