// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/stop_container.hpp"

#include <catch2/catch.hpp>

#include <thread>

#include "fake_node.hpp"
#include "messages.hpp"

using namespace berth;
using namespace berth::daemon;
using namespace berth::daemon::testing;
using Clock = std::chrono::steady_clock;

namespace {

Result<void> stop(FakeNode& node, const std::string& id, std::int64_t timeout) {
  cri::StopContainerRequest request;
  request.set_container_id(id);
  request.set_timeout(timeout);
  cri::StopContainerResponse response;
  return stop_container(node.with, Call{"StopContainer", {}, Clock::time_point::max()}, request, response);
}

bool stop_is_registered(const Container& container) {
  return container.stop.lock()->kill_at.has_value();
}

shim::ExitRecord clean_exit() {
  shim::ExitRecord exit{};
  exit.finished_ns = 1;
  return exit;
}

}  // namespace

TEST_CASE("Stopping what is unknown or has ended is success and kills nothing; an ambiguous ID is an error") {
  FakeNode node;
  CHECK(stop(node, "missing", 10));
  node.add("done", cri::CONTAINER_EXITED);
  CHECK(stop(node, "done", 10));
  CHECK(node.cgroups->killed.lock()->empty());
  node.add("dove", cri::CONTAINER_RUNNING);
  CHECK(has_code(stop(node, "do", 10), Code::kInvalidArgument));
  CHECK(has_code(stop(node, "", 10), Code::kInvalidArgument));
}

TEST_CASE("A container that ends by itself within its grace is not killed") {
  FakeNode node;
  const auto container = node.add("c", cri::CONTAINER_RUNNING);
  Result<void> stopped;
  {
    std::jthread caller([&] { stopped = stop(node, "c", INT64_MAX); });
    while (!stop_is_registered(*container)) std::this_thread::yield();
    container->mark_exited(clean_exit(), false);
  }
  CHECK(stopped);
  CHECK(node.cgroups->killed.lock()->empty());
  CHECK(container->snapshot().reason == "Completed");
}

TEST_CASE("A later stop with a shorter time brings the kill forward for the first caller, too") {
  FakeNode node;
  const auto container = node.add("c", cri::CONTAINER_RUNNING);
  Result<void> patient;
  const auto begin = Clock::now();
  {
    std::jthread caller([&] { patient = stop(node, "c", 3600); });
    while (!stop_is_registered(*container)) std::this_thread::yield();
    CHECK(stop(node, "c", 0));
  }
  CHECK(patient);
  CHECK(Clock::now() - begin < std::chrono::minutes(10));
  CHECK(node.cgroups->killed.lock()->front() == "/berth-c");
  CHECK(container->snapshot().state == cri::CONTAINER_EXITED);
}

TEST_CASE("A later stop with a longer time does not put the kill off") {
  FakeNode node;
  const auto container = node.add("c", cri::CONTAINER_RUNNING);
  const auto soon = Clock::now();
  container->stop.lock()->kill_at = soon;
  container->stop.lock()->signalled = true;
  CHECK(stop(node, "c", 3600));
  CHECK(*container->stop.lock()->kill_at == soon);
  CHECK(container->snapshot().state == cri::CONTAINER_EXITED);
}

TEST_CASE("A container that was never started, and one with a negative time, are killed at once") {
  FakeNode node;
  node.add("created", cri::CONTAINER_CREATED);
  node.add("running", cri::CONTAINER_RUNNING);
  CHECK(stop(node, "created", 3600));
  CHECK(stop(node, "running", -1));
  CHECK(*node.cgroups->killed.lock() == std::vector<std::string>{"/berth-created", "/berth-running"});
}

TEST_CASE("A kill that fails is an error that names the container; the next attempt may succeed") {
  FakeNode node;
  const auto container = node.add("c", cri::CONTAINER_RUNNING);
  node.cgroups->kill_fails = true;
  const auto failed = stop(node, "c", 0);
  CHECK(refusal(failed) == "stop container c: kill container c: no kernel here for /berth-c");
  CHECK(container->snapshot().state == cri::CONTAINER_RUNNING);
  node.cgroups->kill_fails = false;
  CHECK(stop(node, "c", 0));
}

TEST_CASE("Without a shim nobody will tell the end: the kill is the end, and the reason says so") {
  FakeNode node;
  const auto container = node.add("c", cri::CONTAINER_RUNNING);
  CHECK(stop(node, "c", 0));
  CHECK(container->snapshot().reason == "MonitorLost");
  CHECK(container->snapshot().exit_code == 255);
}

TEST_CASE("A container whose cgroup is gone has no process left to kill") {
  FakeNode node;
  node.add("c", cri::CONTAINER_RUNNING);
  node.cgroups->groups.lock()->clear();
  CHECK(stop(node, "c", 0));
  CHECK(node.cgroups->killed.lock()->empty());
}
