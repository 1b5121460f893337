// SPDX-License-Identifier: Apache-2.0
#include "base/keyed_lock.hpp"

#include <catch2/catch.hpp>
#include <future>
#include <thread>
#include <vector>

using namespace berth;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

TEST_CASE("a held key is refused after the deadline, other keys are not", "[base][keyed_lock]") {
  KeyedLock locks;
  const auto held = locks.acquire("pod a");
  REQUIRE(held);
  const auto refused = locks.acquire("pod a", Clock::now() + 1ms);
  REQUIRE(!refused);
  CHECK(refused.error().code() == Code::kDeadlineExceeded);
  CHECK(refused.error().to_string() == "pod a is busy with another operation");
  CHECK(locks.acquire("pod b", Clock::now()));
}

TEST_CASE("a free key is given even when the deadline has passed", "[base][keyed_lock]") {
  KeyedLock locks;
  CHECK(locks.acquire("a", Clock::now() - 1s));
}

TEST_CASE("a waiter can be cancelled", "[base][keyed_lock]") {
  KeyedLock locks;
  const auto held = locks.acquire("a");
  std::stop_source cancel;
  auto waiter =
      std::async(std::launch::async, [&] { return locks.acquire("a", std::nullopt, cancel.get_token()); });
  cancel.request_stop();
  CHECK(waiter.get().error().code() == Code::kCancelled);
  CHECK(locks.acquire("free", std::nullopt, cancel.get_token()).error().code() == Code::kCancelled);
}

TEST_CASE("a waiter gets the key when it is given back", "[base][keyed_lock]") {
  KeyedLock locks;
  auto held = *locks.acquire("a");
  auto waiter = std::async(std::launch::async, [&] { return locks.acquire("a", Clock::now() + 60s); });
  CHECK(waiter.wait_for(10ms) == std::future_status::timeout);
  held.release();
  CHECK(!held);
  CHECK(waiter.get());
}

TEST_CASE("a moved lease is given back once, by its last owner", "[base][keyed_lock]") {
  KeyedLock locks;
  KeyedLock::Lease outer;
  {
    KeyedLock::Lease inner = *locks.acquire("a");
    outer = std::move(inner);
  }
  CHECK(!locks.acquire("a", Clock::now()));
  outer = *locks.acquire("b");
  CHECK(locks.acquire("a", Clock::now()));
  CHECK(!locks.acquire("b", Clock::now()));
}

TEST_CASE("idle keys take no memory", "[base][keyed_lock]") {
  KeyedLock locks;
  for (int i = 0; i < 100; ++i) REQUIRE(locks.acquire(std::to_string(i)));
  CHECK(locks.size() == 0);
  const auto held = locks.acquire("a");
  CHECK(!locks.acquire("a", Clock::now()));
  CHECK(locks.size() == 1);
}

TEST_CASE("a lease may outlive its lock", "[base][keyed_lock]") {
  KeyedLock::Lease lease;
  {
    KeyedLock locks;
    lease = *locks.acquire("a");
  }
  lease.release();
  CHECK(!lease);
}

TEST_CASE("two holders of one key never overlap", "[base][keyed_lock]") {
  KeyedLock locks;
  int unguarded = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        const auto lease = locks.acquire("a");
        ++unguarded;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(unguarded == 2000);
  CHECK(locks.size() == 0);
}
