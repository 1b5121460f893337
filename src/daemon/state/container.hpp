// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/guarded.hpp"
#include "base/process_id.hpp"
#include "daemon/cri.hpp"
#include "daemon/state/cpu_rate.hpp"
#include "daemon/state/event_feed.hpp"
#include "pid1/shim_protocol.h"
#include "runtime/oci/spec.hpp"
#include "runtime/seccomp_program.hpp"

namespace berth::daemon {

/// What never changes about a container, on disk before the first of its resources is made.
/// An image that a container has mounted (CRI: mounts.image).
struct ImageVolume {
  std::string container_path;
  std::string image_id;
  std::string image_ref;  ///< "repo@sha256:..." where one is known, else the ID
};

struct ContainerRecord {
  std::string id;
  std::string pod_id;
  cri::ContainerConfig config;
  std::int64_t created_ns = 0;
  std::string boot_id;
  std::string cgroup;      ///< path in every hierarchy
  std::string image_id;    ///< canonical
  std::string image_ref;   ///< "repo@sha256:..." where one is known, else the ID
  std::string image_name;  ///< what users see: the tag
  std::string log_path;    ///< absolute; empty: output is discarded
  int stop_signal = 15;
  std::vector<ImageVolume> image_volumes;
  oci::Spec spec;                        ///< what was compiled; execs start from its process
  cri::ContainerUser user;               ///< whom it runs as, for status
  std::vector<std::string> plan_labels;  ///< what each step of the launch plan meant, for a failing start
};

/// CREATED -> RUNNING -> EXITED; EXITED also directly from CREATED.
struct ContainerStatus {
  cri::ContainerState state = cri::CONTAINER_CREATED;
  std::int64_t started_ns = 0;
  std::int64_t finished_ns = 0;
  std::int32_t exit_code = 0;
  std::string reason;
  std::string message;
  ProcessId process;
  cri::LinuxContainerResources resources;  ///< as applied
  bool starting = false;                   ///< never persisted
};

class Container {
 public:
  explicit Container(ContainerRecord record) : record_(std::move(record)) {}
  const ContainerRecord& record() const { return record_; }
  const std::string& id() const { return record_.id; }
  std::string name_key() const;

  Guarded<ContainerStatus> status;

  /// The filter of its main process, for execs; null: unconfined, or (after a restart) not yet compiled.
  Guarded<std::shared_ptr<const runtime::SeccompProgram>> seccomp;
  std::atomic<bool> unclaimed{false};  ///< no caller who was still there has got it
  /// The earliest time at which somebody wants it killed; only ever moves forward in urgency.
  struct StopRequest {
    std::optional<std::chrono::steady_clock::time_point> kill_at;
    bool signalled = false;
  };
  Guarded<StopRequest> stop;
  CpuRate cpu_rate;
  EventStage told = EventStage::kNothing;  ///< the event feed's

  ContainerStatus snapshot() const { return *status.lock(); }
  /// What never changes of its entry in lists, as bytes: made by the first who asks.
  const std::string& list_entry(std::string (*make)(const ContainerRecord&)) const {
    std::call_once(listed_, [&] { list_entry_ = make(record_); });
    return list_entry_;
  }
  /// Waits until EXITED or `until`; true when it has exited.
  bool wait_exited(std::chrono::steady_clock::time_point until);
  /// Records the end; false when it had ended before.
  bool mark_exited(const shim::ExitRecord& exit, bool oom_killed);
  /// The end without a record: what became of it is not known.
  bool mark_lost(std::string reason, std::int64_t finished_ns);
  void mark_start_failed(const std::string& message);
  void notify() { changed_.notify_all(); }

 private:
  bool mark(std::int64_t started, std::int64_t finished, std::int32_t code, std::string reason,
            std::string message);
  const ContainerRecord record_;
  mutable std::once_flag listed_;
  mutable std::string list_entry_;
  std::condition_variable changed_;
};
using ContainerPtr = std::shared_ptr<Container>;

/// "pod/name/attempt": unique among containers.
std::string container_name_key(const std::string& pod_id, const cri::ContainerMetadata& metadata);

}  // namespace berth::daemon
