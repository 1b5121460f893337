// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/unclaimed.hpp"

#include <catch2/catch.hpp>

#include <future>

#include "fake_node.hpp"
#include "messages.hpp"

using namespace berth;
using namespace berth::daemon;
using namespace berth::daemon::testing;

namespace {

/// The removal of something unclaimed, begun while another operation works on it.
template <class Object>
Result<void> removed_after(FakeNode& node, const std::string& lease_key, const Object& object,
                           const std::function<void()>& other_operation) {
  auto lease = node.with.leases.acquire(lease_key);
  if (!lease) return lease.error();
  auto removal = std::async(std::launch::async, [&] { return remove_if_unclaimed(node.with, object); });
  CHECK(removal.wait_for(std::chrono::milliseconds(20)) == std::future_status::timeout);
  other_operation();
  lease->release();
  return removal.get();
}

}  // namespace

TEST_CASE("What nobody asked for waits for the operation that works on it, and stays when that claimed it") {
  FakeNode node;
  const auto container = node.add("c", cri::CONTAINER_CREATED);
  container->unclaimed = node.pod->unclaimed = true;
  CHECK(removed_after(node, "container c", container, [&] {
    CHECK(node.with.containers.find("c"));
    container->unclaimed = false;
  }));
  CHECK(node.with.containers.find("c"));
  CHECK(removed_after(node, "pod pod", node.pod, [&] {
    CHECK(node.pod->status.lock()->ready);
    node.pod->unclaimed = false;
  }));
  CHECK(node.with.pods.find("pod"));
  CHECK(node.pod->status.lock()->ready);
}

TEST_CASE("A pod that nobody asked for takes no claim once its removal has begun") {
  FakeNode node;
  node.pod->unclaimed = true;
  node.cgroups->groups.lock()->insert(node.pod->record().cgroup());
  node.cgroups->kill_fails = true;  // it gets stuck half-way
  CHECK_FALSE(remove_if_unclaimed(node.with, node.pod));
  CHECK_FALSE(node.pod->status.lock()->ready);
  CHECK(node.with.leases.size() == 0);
}
