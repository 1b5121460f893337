// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/container_queries.hpp"

#include <catch2/catch.hpp>

#include "fake_node.hpp"

using namespace berth;
using namespace berth::daemon;
using namespace berth::daemon::testing;

namespace {

/// What a client reads: the bytes of the answer, parsed.
cri::ListContainersResponse list(FakeNode& node, const cri::ContainerFilter& filter = {}) {
  cri::ListContainersRequest request;
  *request.mutable_filter() = filter;
  cri::ListContainersResponse sent;
  REQUIRE(list_containers(node.with, Call{}, request, sent));
  cri::ListContainersResponse received;
  REQUIRE(received.ParseFromString(sent.SerializeAsString()));
  return received;
}

}  // namespace

TEST_CASE("An entry of the container list has what its container was made of, and its state of now") {
  FakeNode node;
  const auto container = node.add("a", cri::CONTAINER_CREATED);
  for (const auto state : {cri::CONTAINER_CREATED, cri::CONTAINER_RUNNING, cri::CONTAINER_EXITED}) {
    container->status.lock()->state = state;
    const auto received = list(node);
    REQUIRE(received.containers_size() == 1);
    const auto& entry = received.containers(0);
    CHECK(entry.id() == "a");
    CHECK(entry.pod_sandbox_id() == "pod");
    CHECK(entry.metadata().name() == "a");
    CHECK(entry.state() == state);
    CHECK(entry.GetReflection()->GetUnknownFields(entry).empty());
  }
}

TEST_CASE("A filter by state sees the state of now") {
  FakeNode node;
  node.add("a", cri::CONTAINER_RUNNING);
  const auto container = node.add("b", cri::CONTAINER_RUNNING);
  cri::ContainerFilter exited;
  exited.mutable_state()->set_state(cri::CONTAINER_EXITED);
  CHECK(list(node, exited).containers_size() == 0);
  container->status.lock()->state = cri::CONTAINER_EXITED;
  const auto received = list(node, exited);
  REQUIRE(received.containers_size() == 1);
  CHECK(received.containers(0).id() == "b");
}
