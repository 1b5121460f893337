// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <atomic>
#include <future>
#include <thread>

#include "base/single_flight.hpp"
#include "daemon/ops/unclaimed.hpp"
#include "messages.hpp"

using namespace berth;
using namespace berth::daemon;
using namespace berth::daemon::testing;
using Clock = std::chrono::steady_clock;

TEST_CASE("A creation goes on when its caller has left, and its outcome is known") {
  SingleFlight<std::string> creations;
  std::stop_source gone;
  gone.request_stop();
  auto work = [](const std::stop_token& stop) -> Result<std::string> {
    if (stop.stop_requested()) return Error(Code::kCancelled, "stopped");
    return std::string("id");
  };
  const auto id =
      creations.run("pod/a", run_inline, work, gone.get_token(), Clock::now() - std::chrono::seconds(1));
  REQUIRE(id);  // so that watch_unclaimed knows what to remove
  CHECK(*id == "id");
}

TEST_CASE("A repeated creation joins the one in flight; one that gives up does not harm it") {
  SingleFlight<std::string> creations;
  std::promise<void> release;
  std::atomic<int> runs{0};
  std::atomic<bool> stopped{false};
  auto work = [&,
               released = release.get_future().share()](const std::stop_token& stop) -> Result<std::string> {
    ++runs;
    released.wait();
    stopped = stop.stop_requested();
    return std::string("id");
  };
  Result<std::string> leader = Error(Code::kInternal, "not run");
  Result<std::string> follower = Error(Code::kInternal, "not run");
  std::stop_source impatient;
  {
    std::jthread first([&] { leader = creations.run("pod/a", run_inline, work); });
    while (creations.waiters("pod/a") < 1) std::this_thread::yield();
    std::jthread second([&] { follower = creations.run("pod/a", run_inline, work); });
    while (creations.waiters("pod/a") < 2) std::this_thread::yield();
    impatient.request_stop();
    CHECK(has_code(creations.run("pod/a", run_inline, work, impatient.get_token()), Code::kCancelled));
    CHECK(has_code(creations.run("pod/a", run_inline, work, {}, Clock::now()), Code::kDeadlineExceeded));
    release.set_value();
  }
  CHECK(runs == 1);
  CHECK_FALSE(stopped);
  REQUIRE(leader);
  REQUIRE(follower);
  CHECK(*leader == *follower);
}
