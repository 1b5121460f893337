// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/guarded.hpp"
#include "base/reactor.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::netcni {

/// Says that something in one of several directories may have changed, also when a directory does
/// not exist yet, vanishes, or is replaced: every existing directory on the way to it is watched for
/// the next one. It never reads files.
class ConfWatcher {
 public:
  /// `on_change` runs on the reactor's thread, a moment after the first of a burst of changes; so it
  /// must not block. It is to have rearm() called, elsewhere, before the directories are read again.
  static Result<std::unique_ptr<ConfWatcher>> start(std::vector<std::string> dirs, Reactor& reactor,
                                                    std::function<void()> on_change);
  ~ConfWatcher();
  ConfWatcher(const ConfWatcher&) = delete;
  ConfWatcher& operator=(const ConfWatcher&) = delete;

  /// Watches what exists now. Blocks on the disk. Not for two threads at once.
  void rearm();

  /// Afterwards `on_change` is not running and never runs again. Not from the reactor's thread.
  void stop();

 private:
  struct Interest {
    bool everything = false;      ///< a directory that was asked for
    std::set<std::string> names;  ///< on the way to one: the next components
  };
  struct State {
    std::map<int, Interest> watched;  ///< by watch descriptor
    Reactor::Token timer = 0;
    bool pending = false;  ///< the timer is set
    bool polling = false;  ///< only for the next look, not because of an event
    bool stopped = false;
  };

  ConfWatcher(std::vector<std::string> dirs, Reactor& reactor, std::function<void()> on_change);
  void on_events();
  bool drain();
  void schedule(State& state, std::chrono::milliseconds delay);

  const std::vector<std::string> dirs_;
  Reactor& reactor_;
  const std::function<void()> on_change_;
  UniqueFd inotify_;
  Reactor::Token token_ = 0;
  Guarded<State> state_;
};

}  // namespace berth::netcni
