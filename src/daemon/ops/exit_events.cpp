// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/exit_events.hpp"

#include "base/clock.hpp"
#include "base/log.hpp"
#include "daemon/ops/events.hpp"
#include "daemon/ops/pod_lifecycle.hpp"
#include "daemon/ops/stop_pod_sandbox.hpp"
#include "daemon/state/records.hpp"

namespace berth::daemon {
namespace {

void in_background(Services& with, std::function<void()> task) {
  // The lane's queue is far larger than the number of containers; should it be full all the same,
  // recovery at the next start does what was dropped here.
  if (!with.background->try_post(std::move(task)))
    log::error("the background lane is full: clean-up postponed");
}

/// An object that was removed meanwhile needs no clean-up any more.
void log_failure(const char* what, const std::string& id, const Result<void>& result) {
  if (!result && result.error().code() != Code::kNotFound)
    log::error(what, {{"id", id}, {"error", result.error().to_string()}});
}

/// Stores the final status and removes the cgroup with whatever the container left running in it.
/// Under the container's lease: its starter may be about to store that it runs, its remover about to
/// take its directory away.
void clean_up_after(Services& with, const ContainerPtr& container) {
  in_background(with, [&with, container] {
    const auto lease = with.leases.acquire(container_lease(container->id()), shim_deadline(), {});
    log_failure("wait for the container's lease", container->id(),
                lease ? Result<void>() : Result<void>(lease.error()));
    log_failure("store container status", container->id(), store_container_status(with.layout, *container));
    log_failure("remove container cgroup", container->id(),
                remove_container_cgroup(with, container->record().cgroup));
  });
}

}  // namespace

void apply_exit(Services& with, const ContainerPtr& container, const shim::ExitRecord& exit) {
  const bool oom_killed = exit.oom_kills > 0 && exit.exit_code != 0;
  if (!container->mark_exited(exit, oom_killed)) return;
  announce(with, container);
  log::info("container exited", {{"container", container->id()}, {"code", std::to_string(exit.exit_code)}});
  if (exit.log_bytes_dropped > 0) {
    log::warn("log bytes could not be written",
              {{"container", container->id()}, {"bytes", std::to_string(exit.log_bytes_dropped)}});
  }
  clean_up_after(with, container);
}

void on_exited(Services& with, const std::string& pod_id, const shim::ObjectState& state) {
  const std::string id(state.id.hex, sizeof(state.id.hex));
  if ((state.flags & shim::kExecObject) != 0) {
    with.execs.deliver(id, state.exit);
    return;
  }
  auto container = with.containers.find(id);
  if (!container) {
    // Still being created: CreateContainer looks once it is visible, or it became so just now.
    with.stray_exits.put(id, state.exit);
    container = with.containers.find(id);
    if (!container || !with.stray_exits.take(id)) return;
  }
  {
    auto status = (*container)->status.lock();
    if (status->starting) {
      with.stray_exits.put(id, state.exit);  // StartContainer knows whether this was a failed start
      return;
    }
  }
  log::debug("exit event", {{"pod", pod_id}, {"container", id}});
  apply_exit(with, *container, state.exit);
}

void on_pause_exited(Services& with, const std::string& pod_id) {
  auto pod = with.pods.find(pod_id);
  if (!pod) return;
  {
    auto status = (*pod)->status.lock();
    if (!status->ready) return;
    status->ready = false;
    status->reason = "the process that holds the pod's PID namespace ended";
  }
  announce(with, *pod);
  log::warn("pod sandbox lost its PID namespace", {{"pod", pod_id}});
  in_background(with, [&with, pod = *pod] {
    log_failure("store pod status", pod->id(), store_pod_status(with.layout, *pod));
  });
}

void on_shim_lost(Services& with, const std::string& pod_id) {
  auto found = with.pods.find(pod_id);
  if (!found) return;
  const PodPtr pod = *found;
  pod->shim.lock()->reset();
  {
    auto status = pod->status.lock();
    if (!status->ready) return;  // it was told to go
    status->ready = false;
    status->reason = "the pod's shim ended unexpectedly";
  }
  announce(with, pod);
  log::error("shim lost: the pod is not ready", {{"pod", pod_id}});
  in_background(with, [&with, pod] {
    log_failure("store pod status", pod->id(), store_pod_status(with.layout, *pod));
    for (const auto& container : with.containers.list()) {
      if (container->record().pod_id != pod->id()) continue;
      log_failure("kill container", container->id(),
                  remove_container_cgroup(with, container->record().cgroup));
      if (!container->mark_lost("MonitorLost", now_ns())) continue;
      announce(with, container);
      clean_up_after(with, container);
    }
  });
}

}  // namespace berth::daemon
