// SPDX-License-Identifier: Apache-2.0
#include "base/single_flight.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "base/lane.hpp"

using namespace berth;
using namespace std::chrono_literals;
using Flights = SingleFlight<std::string>;

namespace {

Lane::Options two_threads() {
  Lane::Options options;
  options.name = "flight";
  options.max_threads = 2;
  return options;
}

/// Work that waits until it is told to finish, or to stop.
struct Fixture {
  Flights flights;
  std::atomic<int> runs = 0;
  std::promise<void> gate;
  std::shared_future<void> opened = gate.get_future().share();
  std::promise<void> stopped;
  Lane lane{two_threads()};  // last: its end waits for the work

  Flights::Post post() {
    return [this](std::function<void()> task) { return lane.try_post(std::move(task)); };
  }
  Flights::Work work() {
    return [this](std::stop_token stop) -> Result<std::string> {
      ++runs;
      while (opened.wait_for(1ms) != std::future_status::ready) {
        if (!stop.stop_requested()) continue;
        stopped.set_value();
        return Error(Code::kCancelled, "stopped");
      }
      return std::string("result");
    };
  }
  std::future<Result<std::string>> caller(std::stop_token cancel = {}) {
    return std::async(std::launch::async,
                      [this, cancel] { return flights.run("key", post(), work(), cancel); });
  }
  void await_waiters(int count) const {
    while (flights.waiters("key") != count) std::this_thread::yield();
  }
};

}  // namespace

TEST_CASE("callers of one key share one run and its result", "[base][single_flight]") {
  Fixture f;
  auto leader = f.caller();
  auto follower = f.caller();
  f.await_waiters(2);
  f.gate.set_value();
  CHECK(*leader.get() == "result");
  CHECK(*follower.get() == "result");
  CHECK(f.runs == 1);
}

TEST_CASE("a failure reaches every caller", "[base][single_flight]") {
  Fixture f;
  const Flights::Work failing = [&f](std::stop_token) -> Result<std::string> {
    f.opened.wait();
    return Error(Code::kNotFound, "no such image");
  };
  auto run = [&] { return f.flights.run("key", f.post(), failing); };
  auto leader = std::async(std::launch::async, run);
  auto follower = std::async(std::launch::async, run);
  f.await_waiters(2);
  f.gate.set_value();
  CHECK(leader.get().error().code() == Code::kNotFound);
  CHECK(follower.get().error().code() == Code::kNotFound);
}

TEST_CASE("a cancelled leader leaves, and its follower still gets the result", "[base][single_flight]") {
  Fixture f;
  std::stop_source cancel;
  auto leader = f.caller(cancel.get_token());
  f.await_waiters(1);
  auto follower = f.caller();
  f.await_waiters(2);
  cancel.request_stop();
  CHECK(leader.get().error().code() == Code::kCancelled);
  f.gate.set_value();
  CHECK(*follower.get() == "result");
  CHECK(f.runs == 1);
}

TEST_CASE("the last one who leaves stops the work", "[base][single_flight]") {
  Fixture f;
  std::stop_source cancel;
  auto leader = f.caller(cancel.get_token());
  f.await_waiters(1);
  const auto late = f.flights.run("key", f.post(), f.work(), {}, std::chrono::steady_clock::now() + 1ms);
  CHECK(late.error().code() == Code::kDeadlineExceeded);
  cancel.request_stop();
  CHECK(leader.get().error().code() == Code::kCancelled);
  f.stopped.get_future().wait();
  CHECK(f.runs == 1);
}

TEST_CASE("nobody boards a flight that everybody has left", "[base][single_flight]") {
  Fixture f;
  std::promise<void> hold;
  const Flights::Work stubborn = [&](std::stop_token) -> Result<std::string> {
    hold.get_future().wait();
    return std::string("stale");
  };
  const auto past = std::chrono::steady_clock::now() - 1s;
  CHECK(f.flights.run("key", f.post(), stubborn, {}, past).error().code() == Code::kDeadlineExceeded);
  auto next = f.caller();
  f.gate.set_value();
  CHECK(*next.get() == "result");
  hold.set_value();
}

TEST_CASE("a result is not kept for the next call, nor shared with another key", "[base][single_flight]") {
  Fixture f;
  f.gate.set_value();
  CHECK(f.flights.run("key", f.post(), f.work()));
  CHECK(f.flights.run("key", f.post(), f.work()));
  CHECK(f.flights.run("other", f.post(), f.work()));
  CHECK(f.runs == 3);
  CHECK(f.flights.waiters("key") == 0);
}

TEST_CASE("a full lane fails the call and leaves the key free", "[base][single_flight]") {
  Fixture f;
  const Flights::Post full = [](std::function<void()>) { return false; };
  CHECK(f.flights.run("key", full, f.work()).error().code() == Code::kResourceExhausted);
  f.gate.set_value();
  CHECK(f.flights.run("key", f.post(), f.work()));
}
