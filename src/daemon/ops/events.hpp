// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// Tells subscribers of an object's present state what they have not been told yet, in the order of its life.
/// To be called after every change of it, without its status locked; never blocks.
void announce(Services& with, const PodPtr& pod);
void announce(Services& with, const ContainerPtr& container);
/// The same for an object that is out of its store for good.
void announce_removed(Services& with, const PodPtr& pod);
void announce_removed(Services& with, const ContainerPtr& container);

/// One client's events: first one for each pod and container that there is, with its latest state, then all
/// that happens. To be used by one thread at a time.
class EventReader {
 public:
  /// `wake` is called when next() may have something again; it must not block, nor call the reader.
  static Result<std::unique_ptr<EventReader>> open(Services& with, std::function<void()> wake);
  /// Null: nothing now. kResourceExhausted when events were lost, because they were read too slowly.
  Result<EventFeed::Event> next();

 private:
  struct Present {
    PodPtr pod;  ///< null: the container is meant
    ContainerPtr container;
    EventStage stage;
  };
  explicit EventReader(Services& with) : with_(with) {}
  void look();
  Services& with_;
  std::deque<Present> present_;
  std::unique_ptr<EventFeed::Subscription> subscription_;
};

}  // namespace berth::daemon
