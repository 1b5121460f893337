// SPDX-License-Identifier: Apache-2.0
#include "daemon/state/event_feed.hpp"

#include "base/cat.hpp"
#include "base/metrics.hpp"

namespace berth::daemon {

EventFeed::Subscription::~Subscription() {
  feed_.subscribers_.lock()->erase(at_);
}

Result<EventFeed::Event> EventFeed::Subscription::next() {
  auto subscribers = feed_.subscribers_.lock();
  if (at_->overrun) {
    return Error(Code::kResourceExhausted,
                 cat("events were lost: they were read too slowly, and no more than ", kMaxWaiting,
                     " wait for one client; list everything and subscribe again"));
  }
  if (at_->waiting.empty()) return Event();
  Event event = std::move(at_->waiting.front());
  at_->waiting.pop_front();
  at_->bytes -= event->ByteSizeLong();
  return event;
}

void EventFeed::tell(EventStage& told, EventStage stage,
                     const std::function<cri::ContainerEventResponse()>& make) {
  auto subscribers = subscribers_.lock();
  if (told >= stage) return;
  told = stage;
  if (subscribers->empty()) return;
  const auto event = std::make_shared<const cri::ContainerEventResponse>(make());
  const std::size_t size = event->ByteSizeLong();
  for (Subscriber& subscriber : *subscribers) {
    if (subscriber.overrun) continue;
    if (subscriber.waiting.size() >= kMaxWaiting || subscriber.bytes + size > kMaxWaitingBytes) {
      subscriber.overrun = true;
      subscriber.waiting.clear();
      metrics::count("event_subscribers", "too slow");
    } else {
      subscriber.waiting.push_back(event);
      subscriber.bytes += size;
    }
    subscriber.wake();
  }
}

Result<std::unique_ptr<EventFeed::Subscription>> EventFeed::subscribe(std::function<void()> wake,
                                                                      const std::function<void()>& look) {
  auto subscribers = subscribers_.lock();
  if (subscribers->size() >= kMaxSubscribers)
    return Error(Code::kResourceExhausted, cat(kMaxSubscribers, " clients listen to events already"));
  look();
  subscribers->emplace_back();
  subscribers->back().wake = std::move(wake);
  return std::make_unique<Subscription>(*this, std::prev(subscribers->end()));
}

}  // namespace berth::daemon
