// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/guarded.hpp"
#include "base/unique_fd.hpp"
#include "pid1/shim_protocol.h"

namespace berth::daemon {

/// Ends of containers that are not visible yet, kept until their creator or starter looks.
class StrayExits {
 public:
  void put(const std::string& id, const shim::ExitRecord& exit) { exits_.lock()->insert_or_assign(id, exit); }
  std::optional<shim::ExitRecord> take(const std::string& id) {
    auto exits = exits_.lock();
    auto node = exits->extract(id);
    if (node.empty()) return std::nullopt;
    return node.mapped();
  }

 private:
  Guarded<std::map<std::string, shim::ExitRecord>> exits_;
};

/// Execs in flight. A waiter is told of the end through an eventfd, so that it can poll for it
/// together with the exec's pipes.
class ExecBoard {
 public:
  struct Entry {
    UniqueFd ended;  ///< eventfd, readable once the exec has ended
    Guarded<std::optional<shim::ExitRecord>> exit;
  };
  void add(const std::string& id, std::shared_ptr<Entry> entry) {
    entries_.lock()->insert_or_assign(id, std::move(entry));
  }
  void remove(const std::string& id) { entries_.lock()->erase(id); }
  void deliver(const std::string& id, const shim::ExitRecord& exit);

 private:
  Guarded<std::map<std::string, std::shared_ptr<Entry>>> entries_;
};

}  // namespace berth::daemon
