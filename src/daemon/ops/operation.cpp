// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/operation.hpp"

#include "base/cat.hpp"
#include "base/failpoint.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"

namespace berth::daemon {

Operation::Operation(std::string_view verb, std::string object) : verb_(verb), object_(std::move(object)) {}

void Operation::observe(std::string_view name, std::chrono::nanoseconds duration) {
  metrics::observe("step", cat(verb_, ".", name), duration);
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  timeline_.append(cat(timeline_.empty() ? "" : ", ", name, "=", us, "us"));
}

Result<void> Operation::after_step(std::string_view name) const {
  if (failpoint(cat(verb_, ".", name))) return Error(Code::kInternal, cat(name, ": failpoint"));
  return {};
}

void Operation::commit() {
  undos_.clear();
  log::debug("done", {{"verb", verb_}, {"object", object_}, {"steps", timeline_}});
}

void Operation::roll_back() {
  while (!undos_.empty()) {
    auto [name, action] = std::move(undos_.back());
    undos_.pop_back();
    if (auto undone = action(); !undone) {
      log::error(
          "undo failed",
          {{"verb", verb_}, {"object", object_}, {"undo", name}, {"error", undone.error().to_string()}});
    }
  }
}

}  // namespace berth::daemon
