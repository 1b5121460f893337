// SPDX-License-Identifier: Apache-2.0
#include "base/lane.hpp"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <future>
#include <latch>
#include <thread>

#include "base/cat.hpp"
#include "base/dir.hpp"

using namespace berth;

namespace {
Lane::Options options(std::size_t max_threads, std::size_t queue_limit) {
  Lane::Options result;
  result.name = "test";
  result.max_threads = max_threads;
  result.queue_limit = queue_limit;
  return result;
}
}  // namespace

TEST_CASE("a full lane refuses at once, and runs what it accepted before it ends", "[base][lane]") {
  std::promise<void> started;
  std::promise<void> gate;
  std::atomic<int> ran = 0;
  {
    Lane lane(options(1, 1));
    REQUIRE(lane.try_post([&] {
      started.set_value();
      gate.get_future().wait();
      ++ran;
    }));
    started.get_future().wait();
    CHECK(lane.try_post([&] { ++ran; }));
    CHECK_FALSE(lane.try_post([&] { ran += 100; }));
    gate.set_value();
  }
  CHECK(ran == 2);
}

TEST_CASE("a lane grows to its maximum when all its threads are busy", "[base][lane]") {
  // Each task waits for the other two, so they end only when three threads run at once.
  std::latch all_running(3);
  std::atomic<int> ran = 0;
  {
    Lane lane(options(3, 0));
    for (int i = 0; i < 3; ++i) {
      REQUIRE(lane.try_post([&] {
        all_running.arrive_and_wait();
        ++ran;
      }));
    }
  }
  CHECK(ran == 3);
}

TEST_CASE("a lane without a queue takes one task after the other", "[base][lane]") {
  Lane lane(options(1, 0));
  for (int i = 0; i < 100; ++i) {
    std::promise<void> done;
    // The thread may still be between its last task and the queue.
    while (!lane.try_post([&] { done.set_value(); })) std::this_thread::yield();
    done.get_future().wait();
  }
  SUCCEED("no task was lost");
}

TEST_CASE("a task may post another one", "[base][lane]") {
  Lane lane(options(1, 1));
  std::promise<bool> inner;
  REQUIRE(lane.try_post([&] {
    if (!lane.try_post([&] { inner.set_value(true); })) inner.set_value(false);
  }));
  CHECK(inner.get_future().get());
}

TEST_CASE("the threads of a lane carry its name and take no signals", "[base][lane]") {
  std::promise<std::pair<std::string, bool>> seen;
  Lane::Options named = options(1, 1);
  named.name = "a-name-longer-than-15";
  Lane lane(named);
  REQUIRE(lane.try_post([&] {
    char name[32] = {};
    sigset_t mask;
    pthread_getname_np(pthread_self(), name, sizeof(name));
    pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    seen.set_value({name, sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGCHLD) == 1});
  }));
  CHECK(seen.get_future().get() == std::pair<std::string, bool>("a-name-longer-t", true));
  sigset_t ours;
  pthread_sigmask(SIG_BLOCK, nullptr, &ours);
  CHECK(sigismember(&ours, SIGTERM) == 0);
}

TEST_CASE("idle threads above the minimum end", "[base][lane]") {
  Lane::Options shrinking = options(2, 1);
  shrinking.min_threads = 0;
  shrinking.idle_seconds = 0;
  Lane lane(shrinking);
  std::promise<pid_t> thread;
  REQUIRE(lane.try_post([&] { thread.set_value(::gettid()); }));
  const std::string task = cat("/proc/self/task/", thread.get_future().get());
  while (exists(task)) std::this_thread::yield();
  std::promise<void> again;
  CHECK(lane.try_post([&] { again.set_value(); }));
  again.get_future().wait();
}

TEST_CASE("many posters lose no task", "[base][lane]") {
  std::atomic<int> ran = 0;
  std::atomic<int> accepted = 0;
  {
    Lane lane(options(4, 64));
    std::vector<std::thread> posters;
    for (int p = 0; p < 4; ++p) {
      posters.emplace_back([&] {
        for (int i = 0; i < 500; ++i) {
          if (lane.try_post([&] { ++ran; })) ++accepted;
        }
      });
    }
    for (std::thread& poster : posters) poster.join();
  }
  CHECK(ran == accepted);
  CHECK(accepted > 0);
}
