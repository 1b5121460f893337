// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <future>
#include <thread>

#include "daemon/ops/create_container.hpp"
#include "daemon/ops/run_pod_sandbox.hpp"
#include "daemon/ops/unclaimed.hpp"
#include "fake_node.hpp"
#include "messages.hpp"

using namespace berth;
using namespace berth::daemon;
using namespace berth::daemon::testing;

namespace {

constexpr const char* kMetadata = "metadata { name: 'n' namespace: 's' uid: 'u' attempt: 0 } ";
constexpr const char* kContainer = "metadata { name: 'c' } image { image: 'i' } ";

cri::RunPodSandboxRequest pod_request(const std::string& more, const std::string& handler = "") {
  return proto<cri::RunPodSandboxRequest>("config { " + (kMetadata + more) + " } runtime_handler: '" +
                                          handler + "'");
}

cri::CreateContainerRequest container_request(const std::string& more) {
  return proto<cri::CreateContainerRequest>("pod_sandbox_id: 'pod' config { " + (kContainer + more) + " }");
}

/// A creation in flight, whose outcome is the object that `finish` makes visible.
class Flight {
 public:
  Flight(Services& with, std::string key, std::function<std::string()> finish)
      : with_(with), key_(std::move(key)), leader_([this, finish = std::move(finish)] {
          auto work = [&](const std::stop_token&) -> Result<std::string> {
            land_.get_future().wait();
            return finish();
          };
          (void)with_.creations.run(key_, run_inline, work);
        }) {
    wait_for(1);
  }
  void wait_for(int callers) const {
    while (with_.creations.waiters(key_) < callers) std::this_thread::yield();
  }
  void land() {
    land_.set_value();
    leader_.join();
  }

 private:
  Services& with_;
  std::string key_;
  std::promise<void> land_;
  std::jthread leader_;
};

Call patient_call(std::stop_token cancelled = {}) {
  return {"test", std::move(cancelled), std::chrono::steady_clock::now() + std::chrono::seconds(20)};
}

struct PodFlight {
  explicit PodFlight(FakeNode& node) : with(node.with) {
    PodRecord record;
    record.id = "made";
    record.config = pod_request("hostname: 'h'").config();
    pod = std::make_shared<PodSandbox>(std::move(record));
    pod->status.lock()->ready = true;
  }
  Services& with;
  PodPtr pod;
  Flight flight{with, "pod/s/n/u/0", [this] {
                  with.pods.insert(pod);
                  return pod->id();
                }};

  /// What a call gets that boards the flight.
  Result<std::string> join(const cri::RunPodSandboxRequest& request) {
    cri::RunPodSandboxResponse response;
    Result<void> answer;
    {
      std::jthread caller([&] { answer = run_pod_sandbox(with, patient_call(), request, response); });
      flight.wait_for(2);
      flight.land();
    }
    if (!answer) return answer.error();
    return response.pod_sandbox_id();
  }
};

struct ContainerFlight {
  explicit ContainerFlight(FakeNode& node) : with(node.with) {
    ContainerRecord record;
    record.id = "made";
    record.pod_id = "pod";
    record.config = container_request("args: 'a'").config();
    container = std::make_shared<Container>(std::move(record));
  }
  Services& with;
  ContainerPtr container;
  Flight flight{with, "container/pod/c/0", [this] {
                  with.containers.insert(container);
                  return container->id();
                }};

  Result<std::string> join(const cri::CreateContainerRequest& request) {
    cri::CreateContainerResponse response;
    Result<void> answer;
    {
      std::jthread caller([&] { answer = create_container(with, patient_call(), request, response); });
      flight.wait_for(2);
      flight.land();
    }
    if (!answer) return answer.error();
    return response.container_id();
  }
};

}  // namespace

TEST_CASE("A call that meets the creation of its own pod gets that pod, and has claimed it") {
  FakeNode node;
  PodFlight made(node);
  made.pod->unclaimed = true;
  const auto id = made.join(pod_request("hostname: 'h'"));
  INFO(refusal(id));
  REQUIRE(id);
  CHECK(*id == "made");
  CHECK_FALSE(made.pod->unclaimed);
}

TEST_CASE("A call for another pod of that name does not get the one that is being created") {
  FakeNode node;
  PodFlight made(node);
  made.pod->unclaimed = true;
  const auto id = made.join(pod_request("hostname: 'other'"));
  CHECK(has_code(id, Code::kAlreadyExists));
  CHECK(refusal(id).find("with another configuration") != std::string::npos);
  CHECK(made.pod->unclaimed);  // nobody who wants it has heard of it
}

TEST_CASE("A call for the same pod with another runtime handler does not get the one that is being created") {
  FakeNode node;
  node.with.config.handlers["other"] = {};
  PodFlight made(node);
  CHECK(has_code(made.join(pod_request("hostname: 'h'", "other")), Code::kAlreadyExists));
}

TEST_CASE("A caller that has left does not take the pod from the one who got it") {
  FakeNode node;
  PodFlight made(node);
  made.flight.land();
  std::stop_source gone;
  gone.request_stop();
  cri::RunPodSandboxResponse response;
  const auto request = pod_request("hostname: 'h'");
  REQUIRE(run_pod_sandbox(node.with, patient_call(), request, response));
  REQUIRE(run_pod_sandbox(node.with, patient_call(gone.get_token()), request, response));
  CHECK_FALSE(made.pod->unclaimed);
}

TEST_CASE("A call that meets the creation of its own container gets that container, and has claimed it") {
  FakeNode node;
  ContainerFlight made(node);
  made.container->unclaimed = true;
  const auto id = made.join(container_request("args: 'a'"));
  INFO(refusal(id));
  REQUIRE(id);
  CHECK(*id == "made");
  CHECK_FALSE(made.container->unclaimed);
}

TEST_CASE("A call for another container of that name does not get the one that is being created") {
  FakeNode node;
  ContainerFlight made(node);
  made.container->unclaimed = true;
  const auto id = made.join(container_request("args: 'b'"));
  CHECK(has_code(id, Code::kAlreadyExists));
  CHECK(refusal(id).find("with another configuration") != std::string::npos);
  CHECK(made.container->unclaimed);
}
