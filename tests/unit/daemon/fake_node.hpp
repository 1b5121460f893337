// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <future>
#include <memory>
#include <stdexcept>
#include <string>

#include "daemon/ops/services.hpp"
#include "recording_cgroups.hpp"
#include "tree.hpp"

namespace berth::daemon::testing {

/// The daemon's services as far as stops and exits need them: no kernel, no shim, a disk of our own.
class FakeNode {
 public:
  FakeNode() {
    with.layout = {tree.path("root"), tree.path("state")};
    auto recording = std::make_unique<RecordingCgroups>();
    cgroups = recording.get();
    with.cgroups = std::move(recording);
    auto reactor = Reactor::start();
    if (!reactor) throw std::runtime_error("no reactor");
    with.reactor = *std::move(reactor);
    with.background = std::make_unique<Lane>(Lane::Options{"test-background", 1, 1, 64, 10});
    std::promise<runtime::Apparmor> none;
    none.set_value({});
    with.apparmor = none.get_future().share();
    tree.write("root/pods/pod/", "");
    PodRecord pod_record;
    pod_record.id = "pod";
    pod = std::make_shared<PodSandbox>(std::move(pod_record));
    pod->status.lock()->ready = true;
    with.pods.insert(pod);
  }
  ~FakeNode() { settle(); }
  FakeNode(const FakeNode&) = delete;
  FakeNode& operator=(const FakeNode&) = delete;

  ContainerPtr add(const std::string& id, cri::ContainerState state) {
    ContainerRecord record;
    record.id = id;
    record.pod_id = "pod";
    record.cgroup = "/berth-" + id;
    record.config.mutable_metadata()->set_name(id);
    auto container = std::make_shared<Container>(std::move(record));
    container->status.lock()->state = state;
    cgroups->groups.lock()->insert(container->record().cgroup);
    tree.write("root/containers/" + id + "/", "");
    with.containers.insert(container);
    return container;
  }
  /// Waits for what an end leaves to the background, and for what that leaves to it in turn.
  void settle() const {
    for (int i = 0; i < 3; ++i) {
      std::promise<void> reached;
      if (!with.background->try_post([&] { reached.set_value(); }))
        throw std::runtime_error("the background lane is full");
      reached.get_future().wait();
    }
  }

  berth::testing::Tree tree;
  Services with;
  RecordingCgroups* cgroups = nullptr;
  PodPtr pod;
};

}  // namespace berth::daemon::testing
