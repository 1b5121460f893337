// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/events.hpp"

#include <catch2/catch.hpp>

#include "daemon/ops/exit_events.hpp"
#include "daemon/ops/pod_queries.hpp"
#include "daemon/ops/remove_container.hpp"
#include "fake_node.hpp"

using namespace berth;
using namespace berth::daemon;
using namespace berth::daemon::testing;

namespace {

struct Reader {
  explicit Reader(FakeNode& node) : reader(*EventReader::open(node.with, [] {})) {}
  /// "a created", one word each; the events themselves are kept.
  std::vector<std::string> read() {
    std::vector<std::string> told;
    for (;;) {
      const auto next = reader->next();
      REQUIRE(next);
      if (!*next) return told;
      last = **next;
      static const char* const kNames[] = {"created", "started", "stopped", "deleted"};
      told.push_back(last.container_id() + " " + kNames[last.container_event_type()]);
    }
  }
  std::unique_ptr<EventReader> reader;
  cri::ContainerEventResponse last;
};

using Told = std::vector<std::string>;

}  // namespace

TEST_CASE("A container's life is told in order, with the statuses right after each change") {
  FakeNode node;
  Reader reader(node);
  const auto container = node.add("a", cri::CONTAINER_CREATED);
  announce(node.with, container);
  CHECK(reader.read() == Told{"a created"});
  CHECK(reader.last.created_at() > 0);
  CHECK(reader.last.pod_sandbox_status().id() == "pod");
  CHECK(reader.last.pod_sandbox_status().state() == cri::SANDBOX_READY);
  REQUIRE(reader.last.containers_statuses_size() == 1);
  CHECK(reader.last.containers_statuses(0).id() == "a");
  CHECK(reader.last.containers_statuses(0).state() == cri::CONTAINER_CREATED);

  container->status.lock()->state = cri::CONTAINER_RUNNING;
  announce(node.with, container);
  announce(node.with, container);
  CHECK(reader.read() == Told{"a started"});
  CHECK(reader.last.containers_statuses(0).state() == cri::CONTAINER_RUNNING);

  shim::ExitRecord exit{};
  exit.exit_code = 7;
  apply_exit(node.with, container, exit);
  CHECK(reader.read() == Told{"a stopped"});
  CHECK(reader.last.containers_statuses(0).exit_code() == 7);

  node.with.containers.erase(container);
  announce_removed(node.with, container);
  CHECK(reader.read() == Told{"a deleted"});
  CHECK(reader.last.pod_sandbox_status().id() == "pod");
  CHECK(reader.last.containers_statuses_size() == 0);
  announce(node.with, container);  // by somebody who was slow
  CHECK(reader.read().empty());
}

TEST_CASE("An end that is noticed before anything was told does not hide the creation") {
  FakeNode node;
  Reader reader(node);
  const auto container = node.add("a", cri::CONTAINER_RUNNING);
  container->mark_lost("MonitorLost", 1);
  announce(node.with, container);
  CHECK(reader.read() == Told{"a created", "a stopped"});
}

TEST_CASE("A pod is created and started at once, and stops once") {
  FakeNode node;
  Reader reader(node);
  announce(node.with, node.pod);
  CHECK(reader.read() == Told{"pod created", "pod started"});
  on_pause_exited(node.with, "pod");
  announce(node.with, node.pod);
  CHECK(reader.read() == Told{"pod stopped"});
  CHECK(reader.last.pod_sandbox_status().state() == cri::SANDBOX_NOTREADY);
  node.with.pods.erase(node.pod);
  announce_removed(node.with, node.pod);
  CHECK(reader.read() == Told{"pod deleted"});
  CHECK(reader.last.pod_sandbox_status().id() == "pod");
}

TEST_CASE("A lost shim stops the pod and what runs in it") {
  FakeNode node;
  announce(node.with, node.pod);
  announce(node.with, node.add("a", cri::CONTAINER_RUNNING));
  Reader reader(node);
  reader.read();
  on_shim_lost(node.with, "pod");
  node.settle();
  CHECK(reader.read() == Told{"pod stopped", "a stopped"});
  CHECK(reader.last.containers_statuses(0).reason() == "MonitorLost");
}

TEST_CASE("Who comes later first hears of each object that there is, with its latest state") {
  FakeNode node;
  announce(node.with, node.pod);
  announce(node.with, node.add("created", cri::CONTAINER_CREATED));
  announce(node.with, node.add("exited", cri::CONTAINER_EXITED));
  const auto running = node.add("running", cri::CONTAINER_RUNNING);
  announce(node.with, running);
  node.add("unfinished", cri::CONTAINER_CREATED);
  Reader reader(node);
  CHECK(reader.read() == Told{"pod started", "created created", "exited stopped", "running started"});
  CHECK(reader.last.pod_sandbox_status().id() == "pod");
  CHECK(reader.last.containers_statuses_size() == 4);
}

TEST_CASE("What happens while the present is being read comes after it") {
  FakeNode node;
  announce(node.with, node.pod);
  const auto container = node.add("a", cri::CONTAINER_RUNNING);
  announce(node.with, container);
  Reader reader(node);
  container->mark_lost("MonitorLost", 1);
  announce(node.with, container);
  node.with.containers.erase(container);
  announce_removed(node.with, container);
  CHECK(reader.read() == Told{"pod started", "a started", "a stopped", "a deleted"});
}

TEST_CASE("A pod's status has those of its containers, for kubelets that listen to events") {
  FakeNode node;
  node.add("a", cri::CONTAINER_RUNNING);
  cri::PodSandboxStatusRequest request;
  request.set_pod_sandbox_id("pod");
  cri::PodSandboxStatusResponse response;
  REQUIRE(pod_sandbox_status(node.with, Call{}, request, response));
  CHECK(response.timestamp() > 0);
  REQUIRE(response.containers_statuses_size() == 1);
  CHECK(response.containers_statuses(0).state() == cri::CONTAINER_RUNNING);
}
