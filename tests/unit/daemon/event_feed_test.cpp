// SPDX-License-Identifier: Apache-2.0
#include "daemon/state/event_feed.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace berth;
using namespace berth::daemon;

namespace {

cri::ContainerEventResponse event_of(const std::string& id) {
  cri::ContainerEventResponse event;
  event.set_container_id(id);
  return event;
}

/// One object that events are about.
struct Object {
  std::string id;
  EventStage told = EventStage::kNothing;
  void tell(EventFeed& feed, EventStage stage) {
    feed.tell(told, stage, [this] { return event_of(id); });
  }
};

struct Listener {
  explicit Listener(EventFeed& feed) {
    auto made = feed.subscribe([this] { ++woken; }, [] {});
    REQUIRE(made);
    subscription = *std::move(made);
  }
  std::vector<std::string> read() {
    std::vector<std::string> ids;
    for (;;) {
      const auto next = subscription->next();
      REQUIRE(next);
      if (!*next) return ids;
      ids.push_back((*next)->container_id());
    }
  }
  int woken = 0;
  std::unique_ptr<EventFeed::Subscription> subscription;
};

}  // namespace

TEST_CASE("Every subscriber gets every event, in order, and is woken for each") {
  EventFeed feed;
  Listener one(feed);
  Object a{"a"};
  a.tell(feed, EventStage::kCreated);
  Listener two(feed);
  Object b{"b"};
  b.tell(feed, EventStage::kCreated);
  a.tell(feed, EventStage::kStopped);
  CHECK(one.read() == std::vector<std::string>{"a", "b", "a"});
  CHECK(two.read() == std::vector<std::string>{"b", "a"});
  CHECK(one.woken == 3);
  CHECK(one.read().empty());
}

TEST_CASE("A stage is told once, and none that an object has left behind") {
  EventFeed feed;
  Listener listener(feed);
  Object a{"a"};
  a.tell(feed, EventStage::kStopped);
  a.tell(feed, EventStage::kStopped);
  a.tell(feed, EventStage::kStarted);
  CHECK(listener.read().size() == 1);
  a.tell(feed, EventStage::kDeleted);
  a.tell(feed, EventStage::kStopped);
  CHECK(listener.read().size() == 1);
}

TEST_CASE("Without subscribers no event is made, but what was told is known") {
  EventFeed feed;
  EventStage told = EventStage::kNothing;
  feed.tell(told, EventStage::kStarted, []() -> cri::ContainerEventResponse {
    FAIL("made for nobody");
    return {};
  });
  CHECK(told == EventStage::kStarted);
}

TEST_CASE("A subscriber that does not read loses its subscription and hears why; the others lose nothing") {
  EventFeed feed;
  Listener slow(feed);
  Listener quick(feed);
  std::size_t read = 0;
  for (std::size_t i = 0; i <= EventFeed::kMaxWaiting; ++i) {
    Object object{"x"};
    object.tell(feed, EventStage::kCreated);
    read += quick.read().size();
  }
  CHECK(read == EventFeed::kMaxWaiting + 1);
  const auto next = slow.subscription->next();
  REQUIRE_FALSE(next);
  CHECK(next.error().code() == Code::kResourceExhausted);
  CHECK(next.error().to_string().find("read too slowly") != std::string::npos);
  CHECK_FALSE(slow.subscription->next());
}

TEST_CASE("Few large events are as much as many small ones") {
  EventFeed feed;
  Listener slow(feed);
  const std::string large(EventFeed::kMaxWaitingBytes / 2 + 1, 'x');
  Object a{large};
  Object b{large};
  a.tell(feed, EventStage::kCreated);
  b.tell(feed, EventStage::kCreated);
  CHECK_FALSE(slow.subscription->next());

  Listener reading(feed);
  for (const auto stage : {EventStage::kStarted, EventStage::kStopped, EventStage::kDeleted}) {
    a.tell(feed, stage);
    CHECK(reading.read().size() == 1);
  }
}

TEST_CASE("One subscriber too many is refused until another leaves") {
  EventFeed feed;
  std::vector<std::unique_ptr<EventFeed::Subscription>> all;
  for (std::size_t i = 0; i < EventFeed::kMaxSubscribers; ++i) {
    all.push_back(*feed.subscribe([] {}, [] {}));
  }
  const auto refused = feed.subscribe([] {}, [] {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Code::kResourceExhausted);
  all.pop_back();
  CHECK(feed.subscribe([] {}, [] {}));
}

TEST_CASE("Nobody is woken after its subscription ended") {
  EventFeed feed;
  int woken = 0;
  auto subscription = *feed.subscribe([&] { ++woken; }, [] {});
  subscription.reset();
  Object{"a"}.tell(feed, EventStage::kCreated);
  CHECK(woken == 0);
}
