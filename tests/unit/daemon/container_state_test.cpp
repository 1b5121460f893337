// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <csignal>
#include <thread>

#include "daemon/ops/exit_board.hpp"
#include "daemon/state/container.hpp"

using namespace berth;
using namespace berth::daemon;
using Clock = std::chrono::steady_clock;

namespace {

shim::ExitRecord exit_of(std::int32_t code, std::int32_t signal_number = 0) {
  shim::ExitRecord exit{};
  exit.exit_code = code;
  exit.signal_number = signal_number;
  exit.started_ns = 10;
  exit.finished_ns = 20;
  return exit;
}

}  // namespace

TEST_CASE("A container ends once: later news of its end change nothing") {
  Container container({});
  CHECK(container.snapshot().state == cri::CONTAINER_CREATED);
  CHECK(container.mark_exited(exit_of(3), false));
  CHECK_FALSE(container.mark_exited(exit_of(0), true));
  CHECK_FALSE(container.mark_lost("MonitorLost", 99));
  container.mark_start_failed("too late");
  const auto status = container.snapshot();
  CHECK(status.state == cri::CONTAINER_EXITED);
  CHECK(status.exit_code == 3);
  CHECK(status.reason == "Error");
  CHECK(status.message.empty());
  CHECK(status.started_ns == 10);
  CHECK(status.finished_ns == 20);
}

TEST_CASE("The reason tells success, failure and memory apart; the message names the signal") {
  struct Row {
    shim::ExitRecord exit;
    bool oom;
    const char* reason;
    const char* message;
  };
  auto dumped = exit_of(139, SIGSEGV);
  dumped.core_dumped = 1;
  const Row rows[] = {{exit_of(0), false, "Completed", ""},
                      {exit_of(1), false, "Error", ""},
                      {exit_of(137, SIGKILL), true, "OOMKilled", "killed by signal 9"},
                      {exit_of(137, SIGKILL), false, "Error", "killed by signal 9"},
                      {dumped, false, "Error", "killed by signal 11 (core dumped)"}};
  for (const auto& row : rows) {
    Container container({});
    CHECK(container.mark_exited(row.exit, row.oom));
    CHECK(container.snapshot().reason == row.reason);
    CHECK(container.snapshot().message == row.message);
  }
}

TEST_CASE("A lost container keeps the time at which it was started, and its code says that nobody knows") {
  Container container({});
  container.status.lock()->started_ns = 7;
  CHECK(container.mark_lost("MonitorLost", 9));
  const auto status = container.snapshot();
  CHECK(status.started_ns == 7);
  CHECK(status.finished_ns == 9);
  CHECK(status.exit_code == 255);
  CHECK(status.reason == "MonitorLost");
}

TEST_CASE("A container that was never started has no start time after its end") {
  Container container({});
  auto exit = exit_of(137, SIGKILL);
  exit.started_ns = 0;
  exit.never_started = 1;
  CHECK(container.mark_exited(exit, false));
  CHECK(container.snapshot().started_ns == 0);
}

TEST_CASE("A failed start is an end, with the words of the failure and both times") {
  Container container({});
  container.mark_start_failed("exec /bin/nope: No such file or directory");
  const auto status = container.snapshot();
  CHECK(status.state == cri::CONTAINER_EXITED);
  CHECK(status.exit_code == 128);
  CHECK(status.reason == "StartError");
  CHECK(status.message == "exec /bin/nope: No such file or directory");
  CHECK(status.started_ns > 0);
  CHECK(status.finished_ns >= status.started_ns);
}

TEST_CASE("The message of an end is UTF-8, because clients refuse an answer that is not") {
  Container container({});
  container.mark_start_failed("exec /bin/\xff: No such file or directory");
  CHECK(container.snapshot().message == "exec /bin/?: No such file or directory");
}

TEST_CASE("Waiting for the end gives up at its time, and a mere notification is no end") {
  Container container({});
  CHECK_FALSE(container.wait_exited(Clock::now() - std::chrono::seconds(1)));
  std::jthread notifier([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) container.notify();
  });
  CHECK_FALSE(container.wait_exited(Clock::now() + std::chrono::milliseconds(5)));
}

TEST_CASE("The end wakes every waiter at once") {
  Container container({});
  std::atomic<int> woken{0};
  {
    std::vector<std::jthread> waiters;
    for (int i = 0; i < 4; ++i) {
      waiters.emplace_back([&] {
        if (container.wait_exited(Clock::time_point::max())) ++woken;
      });
    }
    container.mark_exited(exit_of(0), false);
  }
  CHECK(woken == 4);
  CHECK(container.wait_exited(Clock::now() - std::chrono::seconds(1)));  // already there: no time needed
}

TEST_CASE("Of two threads that both learn of the end, one records it") {
  for (int round = 0; round < 50; ++round) {
    Container container({});
    std::atomic<int> recorded{0};
    {
      std::jthread a([&] { recorded += container.mark_exited(exit_of(1), false) ? 1 : 0; });
      std::jthread b([&] { recorded += container.mark_lost("MonitorLost", 1) ? 1 : 0; });
    }
    CHECK(recorded == 1);
  }
}

TEST_CASE("An exit that nobody waits for yet is kept, the last news of it, and taken once") {
  StrayExits strays;
  CHECK_FALSE(strays.take("a"));
  strays.put("a", exit_of(1));
  strays.put("a", exit_of(2));
  strays.put("b", exit_of(3));
  const auto taken = strays.take("a");
  REQUIRE(taken);
  CHECK(taken->exit_code == 2);
  CHECK_FALSE(strays.take("a"));
  CHECK(strays.take("b"));
}
