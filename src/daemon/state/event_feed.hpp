// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>

#include "base/guarded.hpp"
#include "base/result.hpp"
#include "daemon/cri.hpp"

namespace berth::daemon {

/// How much of an object's life has been told to those who listen.
enum class EventStage : std::uint8_t { kNothing, kCreated, kStarted, kStopped, kDeleted };

/// What happens to pods and containers, for any number of subscribers. Nobody ever waits for one of them:
/// who reads too slowly loses the subscription and is told so, which makes the kubelet list everything.
class EventFeed {
 public:
  using Event = std::shared_ptr<const cri::ContainerEventResponse>;
  static constexpr std::size_t kMaxSubscribers = 64;
  static constexpr std::size_t kMaxWaiting = 4096;           ///< events of one subscriber
  static constexpr std::size_t kMaxWaitingBytes = 32 << 20;  ///< of the same

 private:
  struct Subscriber {
    std::function<void()> wake;
    std::deque<Event> waiting;
    std::size_t bytes = 0;
    bool overrun = false;
  };
  using Subscribers = std::list<Subscriber>;

 public:
  /// Ends with the object; after its destructor `wake` is not called any more.
  class Subscription {
   public:
    Subscription(EventFeed& feed, Subscribers::iterator at) : feed_(feed), at_(at) {}
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;
    ~Subscription();
    /// Null: none now, `wake` will be called. kResourceExhausted when some were lost.
    Result<Event> next();

   private:
    EventFeed& feed_;
    Subscribers::iterator at_;
  };

  /// Moves `told`, which belongs to this feed, forward to `stage` and tells it; does nothing when as much
  /// has been told before. `make` runs only if somebody listens, under the feed's lock.
  void tell(EventStage& told, EventStage stage, const std::function<cri::ContainerEventResponse()>& make);
  /// `wake` is called under the feed's lock, by whoever tells. `look` runs while nobody can tell: what it
  /// sees as told is not among the subscription's events, everything else is.
  Result<std::unique_ptr<Subscription>> subscribe(std::function<void()> wake,
                                                  const std::function<void()>& look);

 private:
  Guarded<Subscribers> subscribers_;
};

}  // namespace berth::daemon
