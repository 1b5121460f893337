// SPDX-License-Identifier: Apache-2.0
#include "base/reactor.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <future>
#include <vector>

#include "base/unique_fd.hpp"

using namespace berth;
using namespace std::chrono_literals;

namespace {

std::unique_ptr<Reactor> running_reactor() {
  Result<std::unique_ptr<Reactor>> reactor = Reactor::start();
  REQUIRE(reactor);
  return *std::move(reactor);
}

/// Readable from the start, for ever.
UniqueFd readable() {
  return UniqueFd(::eventfd(1, EFD_CLOEXEC));
}

/// Returns when everything posted or due before has been run.
void settle(Reactor& reactor) {
  std::promise<void> reached;
  reactor.post([&] { reached.set_value(); });
  reached.get_future().wait();
}

}  // namespace

TEST_CASE("a watched descriptor calls back with its events until it is removed", "[base][reactor]") {
  const auto reactor = running_reactor();
  const UniqueFd fd = readable();
  std::atomic<int> calls = 0;
  std::promise<std::uint32_t> third;
  const Reactor::Token token = *reactor->watch(fd.get(), EPOLLIN, [&](std::uint32_t events) {
    if (++calls == 3) third.set_value(events);
  });
  CHECK(third.get_future().get() == EPOLLIN);
  reactor->remove(token);
  const int after_removal = calls;
  settle(*reactor);
  settle(*reactor);
  CHECK(calls == after_removal);
}

TEST_CASE("watching a bad descriptor is an error", "[base][reactor]") {
  const auto reactor = running_reactor();
  CHECK(reactor->watch(-1, EPOLLIN, [](std::uint32_t) {}).error().sys_errno() == EBADF);
}

TEST_CASE("remove waits for the running callback", "[base][reactor]") {
  const auto reactor = running_reactor();
  const UniqueFd fd = readable();
  std::promise<void> entered;
  std::promise<void> gate;
  std::atomic<bool> finished = false;
  const Reactor::Token token = *reactor->watch(fd.get(), EPOLLIN, [&](std::uint32_t) {
    entered.set_value();
    gate.get_future().wait();
    finished = true;
  });
  entered.get_future().wait();
  std::future<bool> removed = std::async(std::launch::async, [&] {
    reactor->remove(token);
    return finished.load();
  });
  CHECK(removed.wait_for(20ms) == std::future_status::timeout);
  gate.set_value();
  CHECK(removed.get());
}

TEST_CASE("remove waits for a running timer, too", "[base][reactor]") {
  const auto reactor = running_reactor();
  std::promise<void> entered;
  std::promise<void> gate;
  const Reactor::Token token = reactor->after(0ms, [&] {
    entered.set_value();
    gate.get_future().wait();
  });
  entered.get_future().wait();
  std::future<void> removed = std::async(std::launch::async, [&] { reactor->remove(token); });
  CHECK(removed.wait_for(20ms) == std::future_status::timeout);
  gate.set_value();
  removed.wait();
}

TEST_CASE("a callback may remove itself", "[base][reactor]") {
  const auto reactor = running_reactor();
  const UniqueFd fd = readable();
  std::atomic<int> calls = 0;
  std::promise<Reactor::Token> known;
  std::promise<void> removed;
  const Reactor::Token token =
      *reactor->watch(fd.get(), EPOLLIN, [&, future = known.get_future().share()](std::uint32_t) {
        ++calls;
        reactor->remove(future.get());
        removed.set_value();
      });
  known.set_value(token);
  removed.get_future().wait();
  settle(*reactor);
  CHECK(calls == 1);
}

TEST_CASE("what a removed callback captured is gone when remove returns", "[base][reactor]") {
  const auto reactor = running_reactor();
  const UniqueFd fd = readable();
  const auto captured = std::make_shared<int>(0);
  const Reactor::Token watch = *reactor->watch(fd.get(), EPOLLIN, [captured](std::uint32_t) {});
  const Reactor::Token timer = reactor->after(1h, [captured] {});
  CHECK(captured.use_count() == 3);
  reactor->remove(watch);
  reactor->remove(timer);
  CHECK(captured.use_count() == 1);
}

TEST_CASE("a descriptor can be watched again after its removal", "[base][reactor]") {
  const auto reactor = running_reactor();
  const UniqueFd fd = readable();
  for (int i = 0; i < 50; ++i) {
    std::promise<void> called;
    std::atomic<bool> once = false;
    const Reactor::Token token = *reactor->watch(fd.get(), EPOLLIN, [&](std::uint32_t) {
      if (!once.exchange(true)) called.set_value();
    });
    called.get_future().wait();
    reactor->remove(token);
  }
  SUCCEED("every watch was called");
}

TEST_CASE("timers run in the order of their times, once", "[base][reactor]") {
  const auto reactor = running_reactor();
  std::vector<int> order;
  std::promise<void> last;
  const auto base = std::chrono::steady_clock::now() + 5ms;
  reactor->at(base + 2ms, [&] { order.push_back(3); });
  reactor->at(base, [&] { order.push_back(1); });
  reactor->at(base + 1ms, [&] { order.push_back(2); });
  reactor->at(base + 3ms, [&] { last.set_value(); });
  last.get_future().wait();
  CHECK(std::chrono::steady_clock::now() >= base + 3ms);
  settle(*reactor);
  CHECK(order == std::vector<int>{1, 2, 3});
}

TEST_CASE("a removed timer never runs, nor does an unknown token hurt", "[base][reactor]") {
  const auto reactor = running_reactor();
  std::atomic<bool> ran = false;
  std::promise<void> later;
  const Reactor::Token token = reactor->after(30ms, [&] { ran = true; });
  reactor->after(31ms, [&] { later.set_value(); });
  reactor->remove(token);
  reactor->remove(token);
  reactor->remove(0);
  reactor->remove(987654321);
  later.get_future().wait();
  CHECK(!ran);
}

TEST_CASE("an earlier timer overtakes the one being waited for", "[base][reactor]") {
  const auto reactor = running_reactor();
  reactor->after(1h, [] {});
  settle(*reactor);
  std::promise<void> soon;
  reactor->after(1ms, [&] { soon.set_value(); });
  CHECK(soon.get_future().wait_for(30s) == std::future_status::ready);
}

TEST_CASE("callbacks may post, set timers and remove others", "[base][reactor]") {
  const auto reactor = running_reactor();
  std::promise<void> done;
  std::atomic<bool> removed_ran = false;
  const Reactor::Token victim = reactor->after(1h, [&] { removed_ran = true; });
  reactor->post([&] {
    reactor->remove(victim);
    reactor->after(0ms, [&] { reactor->post([&] { done.set_value(); }); });
  });
  done.get_future().wait();
  CHECK(!removed_ran);
}

TEST_CASE("a reactor that ends drops what is pending", "[base][reactor]") {
  std::atomic<bool> ran = false;
  const auto captured = std::make_shared<int>(0);
  {
    const auto reactor = running_reactor();
    reactor->after(1h, [&ran, captured] { ran = true; });
  }
  CHECK(!ran);
  CHECK(captured.use_count() == 1);
}
