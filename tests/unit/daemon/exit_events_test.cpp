// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/exit_events.hpp"

#include <catch2/catch.hpp>

#include <cstring>

#include "daemon/state/records.hpp"
#include "fake_node.hpp"
#include "messages.hpp"

using namespace berth;
using namespace berth::daemon;
using namespace berth::daemon::testing;

namespace {

const std::string kId(64, 'a');

shim::ObjectState ended(std::int32_t code, std::uint32_t flags = 0) {
  shim::ObjectState state{};
  std::memcpy(state.id.hex, kId.data(), kId.size());
  state.phase = shim::Phase::kExited;
  state.flags = flags;
  state.exit.exit_code = code;
  state.exit.finished_ns = 2;
  return state;
}

}  // namespace

TEST_CASE(
    "The end of a running container is recorded, stored, and its cgroup removed with what it left running") {
  FakeNode node;
  const auto container = node.add(kId, cri::CONTAINER_RUNNING);
  on_exited(node.with, "pod", ended(3));
  CHECK(container->snapshot().exit_code == 3);
  node.settle();
  const auto stored = load_container_status(node.with.layout, kId);
  INFO(refusal(stored));
  REQUIRE(stored);
  CHECK(stored->state == cri::CONTAINER_EXITED);
  CHECK(stored->exit_code == 3);
  CHECK(*node.cgroups->killed.lock() == std::vector<std::string>{"/berth-" + kId});
  CHECK(node.cgroups->groups.lock()->empty());
}

TEST_CASE(
    "The clean-up after an end waits for whoever works on the container, and leaves a removed one alone") {
  FakeNode node;
  const auto container = node.add(kId, cri::CONTAINER_RUNNING);
  {
    auto lease =
        node.with.leases.acquire("container " + kId, std::chrono::steady_clock::time_point::max(), {});
    REQUIRE(lease);
    on_exited(node.with, "pod", ended(3));
    CHECK_FALSE(node.tree.has("root/containers/" + kId + "/status.json"));
    REQUIRE(remove_tree(node.with.layout.container(kId)));
  }
  node.settle();
  CHECK_FALSE(node.tree.has("root/containers/" + kId));
  CHECK(node.cgroups->groups.lock()->empty());
}

TEST_CASE("The end of a container that is not visible yet waits for its creator") {
  FakeNode node;
  on_exited(node.with, "pod", ended(5));
  const auto stray = node.with.stray_exits.take(kId);
  REQUIRE(stray);
  CHECK(stray->exit_code == 5);
}

TEST_CASE("The end of a container that is being started waits for its starter") {
  FakeNode node;
  const auto container = node.add(kId, cri::CONTAINER_CREATED);
  container->status.lock()->starting = true;
  on_exited(node.with, "pod", ended(0));
  CHECK(container->snapshot().state == cri::CONTAINER_CREATED);
  CHECK(node.with.stray_exits.take(kId));
}

TEST_CASE("The end of an exec is never taken for its container's") {
  FakeNode node;
  const auto container = node.add(kId, cri::CONTAINER_RUNNING);
  on_exited(node.with, "pod", ended(1, shim::kExecObject));
  CHECK(container->snapshot().state == cri::CONTAINER_RUNNING);
  CHECK_FALSE(node.with.stray_exits.take(kId));
}

TEST_CASE("An OOM kill in a child of a container that went on to succeed is no OOM end") {
  FakeNode node;
  auto state = ended(0);
  state.exit.oom_kills = 1;
  const auto container = node.add(kId, cri::CONTAINER_RUNNING);
  on_exited(node.with, "pod", state);
  CHECK(container->snapshot().reason == "Completed");

  FakeNode other;
  state.exit.exit_code = 137;
  const auto killed = other.add(kId, cri::CONTAINER_RUNNING);
  on_exited(other.with, "pod", state);
  CHECK(killed->snapshot().reason == "OOMKilled");
}

TEST_CASE("A lost shim makes its pod not ready and kills its containers, and no others") {
  FakeNode node;
  const auto mine = node.add(kId, cri::CONTAINER_RUNNING);
  const auto done = node.add("done", cri::CONTAINER_EXITED);
  ContainerRecord foreign;
  foreign.id = "foreign";
  foreign.pod_id = "another pod";
  const auto other = std::make_shared<Container>(foreign);
  node.with.containers.insert(other);
  on_shim_lost(node.with, "pod");
  node.settle();
  CHECK_FALSE(node.pod->status.lock()->ready);
  CHECK(mine->snapshot().reason == "MonitorLost");
  CHECK(done->snapshot().reason.empty());
  CHECK(other->snapshot().state == cri::CONTAINER_CREATED);
  const auto stored = load_pod_status(node.with.layout, "pod");
  REQUIRE(stored);
  CHECK_FALSE(stored->ready);
  on_shim_lost(node.with, "no such pod");
}

TEST_CASE("A shim that ends because it was told to is no loss") {
  FakeNode node;
  const auto container = node.add(kId, cri::CONTAINER_RUNNING);
  node.pod->status.lock()->ready = false;
  on_shim_lost(node.with, "pod");
  node.settle();
  CHECK(container->snapshot().state == cri::CONTAINER_RUNNING);
}

TEST_CASE("A pod whose pause process ended is not ready, once") {
  FakeNode node;
  on_pause_exited(node.with, "pod");
  CHECK_FALSE(node.pod->status.lock()->ready);
  CHECK(node.pod->status.lock()->reason == "the process that holds the pod's PID namespace ended");
  node.pod->status.lock()->reason = "known";
  on_pause_exited(node.with, "pod");
  CHECK(node.pod->status.lock()->reason == "known");
  on_pause_exited(node.with, "no such pod");
}
