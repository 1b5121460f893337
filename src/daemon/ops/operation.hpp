// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace berth::daemon {

/// One CRI verb in progress. A step's name is written once and read five times: as error context,
/// as latency label, as failpoint, and, with its undo, in the log line of a later failure.
class Operation {
 public:
  /// `object` is what the verb acts on, for the log: a pod's or container's name or ID.
  Operation(std::string_view verb, std::string object);
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  ~Operation() { roll_back(); }

  /// Runs one step. In test builds the failpoint "<verb>.<name>" lies right behind it.
  template <class Work>
  auto step(std::string_view name, Work&& work) -> decltype(work()) {
    const auto begin = std::chrono::steady_clock::now();
    auto result = std::forward<Work>(work)();
    observe(name, std::chrono::steady_clock::now() - begin);
    if (result) {
      if (auto injected = after_step(name); !injected) return std::move(injected).error();
    }
    return std::move(result).context(std::string(name));
  }

  /// Registers how to undo what the last step did. Undos run newest first and every one of them
  /// runs, whatever the others return; what cannot be undone is logged.
  void undo(std::string_view name, std::function<Result<void>()> action) {
    undos_.emplace_back(name, std::move(action));
  }

  /// Success: nothing will be undone. Logs the step times at debug level.
  void commit();

 private:
  void observe(std::string_view name, std::chrono::nanoseconds duration);
  Result<void> after_step(std::string_view name) const;
  void roll_back();

  std::string verb_;
  std::string object_;
  std::vector<std::pair<std::string, std::function<Result<void>()>>> undos_;
  std::string timeline_;
};

}  // namespace berth::daemon
