// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/guarded.hpp"
#include "daemon/cri.hpp"
#include "daemon/state/cpu_rate.hpp"
#include "daemon/state/event_feed.hpp"
#include "netcni/networks.hpp"
#include "runtime/shim_client.hpp"

namespace berth::daemon {

/// The cgroup of a container, or of a pod itself, below the pod's parent: a scope in a slice.
std::string cgroup_of(const std::string& parent, const std::string& id);

/// What never changes about a pod, on disk before the first of its resources is made: whatever a
/// crash interrupts, recovery finds here what to take away.
struct PodRecord {
  std::string id;
  cri::PodSandboxConfig config;
  std::string runtime_handler;
  std::int64_t created_ns = 0;
  std::string boot_id;
  std::string cgroup_parent;        ///< effective; containers' cgroups lie in it
  bool owns_cgroup_parent = false;  ///< it was not there: removed with the pod
  bool host_network = false;
  bool host_ipc = false;
  bool share_pid = false;  ///< POD mode: containers share the pause process's PID namespace
  std::string cgroup() const { return cgroup_of(cgroup_parent, id); }
};

/// READY -> NOTREADY, never back.
struct PodStatus {
  bool ready = false;
  std::string reason;  ///< why it is not ready
  std::vector<std::string> ips;
  bool network_attached = false;
  bool torn_down = false;  ///< StopPodSandbox has finished everything
};

class PodSandbox {
 public:
  explicit PodSandbox(PodRecord record) : record_(std::move(record)) {}
  const PodRecord& record() const { return record_; }
  const std::string& id() const { return record_.id; }
  /// "ns/name/uid/attempt": unique among pods.
  std::string name_key() const;

  Guarded<PodStatus> status;
  Guarded<std::optional<netcni::Attachment>> attachment;
  Guarded<std::shared_ptr<runtime::ShimClient>> shim;  ///< null: none, or lost
  std::atomic<bool> unclaimed{false};                  ///< no caller who was still there has got it
  CpuRate cpu_rate;
  EventStage told = EventStage::kNothing;  ///< the event feed's

  std::shared_ptr<runtime::ShimClient> live_shim() const { return *shim.lock(); }

 private:
  const PodRecord record_;
};
using PodPtr = std::shared_ptr<PodSandbox>;

std::string pod_name_key(const cri::PodSandboxMetadata& metadata);

}  // namespace berth::daemon
