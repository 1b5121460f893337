// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
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
    with.background = std::make_unique<Lane>(Lane::Options{"test-background", 1, 1, 64, 10});
    tree.write("root/pods/pod/", "");
    PodRecord pod_record;
    pod_record.id = "pod";
    pod = std::make_shared<PodSandbox>(std::move(pod_record));
    pod->status.lock()->ready = true;
    with.pods.insert(pod);
  }
  ~FakeNode() { with.background.reset(); }
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
  /// Waits for the clean-up that an end leaves to the background.
  void settle() {
    with.background.reset();
    with.background = std::make_unique<Lane>(Lane::Options{"test-background", 1, 1, 64, 10});
  }

  berth::testing::Tree tree;
  Services with;
  RecordingCgroups* cgroups = nullptr;
  PodPtr pod;
};

}  // namespace berth::daemon::testing
