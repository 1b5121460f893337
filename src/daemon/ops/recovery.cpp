// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/recovery.hpp"

#include <csignal>
#include <map>
#include <set>

#include "base/cat.hpp"
#include "base/clock.hpp"
#include "base/dir.hpp"
#include "base/log.hpp"
#include "base/remove_tree.hpp"
#include "daemon/ops/container_launch.hpp"
#include "daemon/ops/events.hpp"
#include "daemon/ops/exit_events.hpp"
#include "daemon/ops/image_volumes.hpp"
#include "daemon/ops/pod_cgroup.hpp"
#include "daemon/ops/pod_lifecycle.hpp"
#include "daemon/ops/quarantine.hpp"
#include "daemon/ops/retry.hpp"
#include "daemon/ops/stop_pod_sandbox.hpp"
#include "daemon/state/records.hpp"
#include "runtime/namespaces.hpp"
#include "runtime/pod_shm.hpp"

namespace berth::daemon {
namespace {

/// Its creation never finished: it goes as if it had never been asked for.
void discard_pod(Services& with, const PodPtr& pod) {
  log::info("removing a pod sandbox whose creation was interrupted", {{"pod", pod->id()}});
  auto work = [&with, pod]() -> Result<void> {
    RETURN_IF_ERROR(tear_down_pod(with, *pod));
    return remove_tree(with.layout.pod(pod->id()));
  };
  // At once: a retry of the same pod may come with the first call.
  if (auto done = work(); !done) retry_until_done(with, cat("remove pod sandbox ", pod->id()), work);
}

void log_unless_stored(const char* what, const std::string& id, const Result<void>& stored) {
  if (!stored) log::error(what, {{"id", id}, {"error", stored.error().to_string()}});
}

/// A status that is there, but cannot be read, is no reason to end what may be running: the shim knows.
void guess_status(PodSandbox& pod, const Error& why) {
  log::error("a pod's status cannot be read: its shim will tell",
             {{"pod", pod.id()}, {"error", why.to_string()}});
  const auto attachment = *pod.attachment.lock();
  auto status = pod.status.lock();
  status->ready = true;  // unless there is no shim
  status->network_attached = status->network_attached || attachment;
  if (attachment) status->ips = attachment->ips;
}

/// `guessed` tells that the status on disk is to be replaced.
PodPtr load_pod(Services& with, const std::string& id, bool& guessed) {
  auto record = load_pod_record(with.layout, id);
  if (!record) {
    quarantine_pod(with, id, record.error());
    return nullptr;
  }
  auto pod = std::make_shared<PodSandbox>(*std::move(record));
  auto status = load_pod_status(with.layout, id);
  if (status) *pod->status.lock() = *status;
  load_network(with, *pod);
  if (status) return pod;
  if (status.error().code() == Code::kNotFound) {
    discard_pod(with, pod);
    return nullptr;
  }
  guess_status(*pod, status.error());
  guessed = true;
  return pod;
}

/// A pod of an earlier boot: nothing of it lives; its addresses are freed as ADD left them.
void bury_pod(Services& with, const PodPtr& pod) {
  {
    auto status = pod->status.lock();
    status->ready = false;
    status->reason = "the node was rebooted";
  }
  retry_until_done(with, cat("detach network of ", pod->id()),
                   [&with, pod] { return detach_network(with, *pod); });
  log_unless_stored("store pod status", pod->id(), store_pod_status(with.layout, *pod));
}

using ShimTruth = std::map<std::string, shim::ObjectState>;

/// Connects and asks; the truth is empty when there is no shim any more.
ShimTruth adopt_shim(Services& with, const PodPtr& pod) {
  ShimTruth truth;
  auto shim = connect_shim(with, pod->id());
  if (!shim) {
    auto status = pod->status.lock();
    if (status->ready) {
      status->ready = false;
      status->reason = "the pod's shim was gone when the daemon started";
      log::warn("a pod's shim is gone", {{"pod", pod->id()}, {"error", shim.error().to_string()}});
    }
    return truth;
  }
  *pod->shim.lock() = *shim;
  auto objects = (*shim)->list(shim_deadline());
  if (!objects) {
    log::error("a shim does not answer", {{"pod", pod->id()}, {"error", objects.error().to_string()}});
    auto status = pod->status.lock();
    status->ready = false;
    status->reason = "the pod's shim did not answer when the daemon started";
    return truth;
  }
  for (const auto& state : *objects) truth.emplace(std::string(state.id.hex, sizeof state.id.hex), state);
  if (pod->record().share_pid && (*shim)->pause_pid() == 0) {
    auto status = pod->status.lock();
    status->ready = false;
    status->reason = "the process that holds the pod's PID namespace ended";
  }
  return truth;
}

/// Its creation never finished.
void discard_container(Services& with, const ContainerRecord& record) {
  log::info("removing a container whose creation was interrupted", {{"container", record.id}});
  auto work = [&with, record]() -> Result<void> {
    if (auto pod = with.pods.find(record.pod_id); pod && (*pod)->live_shim())
      RETURN_IF_ERROR(forget_container(with, **pod, record));
    RETURN_IF_ERROR(tear_down_container(with, record));
    if (with.pods.find(record.pod_id)) return {};
    // Its pod's record may be one that does not tell where the pod's own group is: beside this one.
    return remove_container_cgroup(
        with, cgroup_of(record.cgroup.substr(0, record.cgroup.rfind('/')), record.pod_id));
  };
  if (auto done = work(); !done) retry_until_done(with, cat("remove container ", record.id), work);
}

void reconcile(Services& with, const ContainerPtr& container, const ShimTruth& truth) {
  if (container->snapshot().state == cri::CONTAINER_EXITED) return;
  const auto found = truth.find(container->id());
  if (found == truth.end()) {
    const bool rebooted = container->record().boot_id != with.boot_id;
    container->mark_lost(rebooted ? "NodeRebooted" : "MonitorLost", now_ns());
    log_unless_stored("store container status", container->id(),
                      store_container_status(with.layout, *container));
    retry_until_done(with, cat("remove cgroup of ", container->id()), [&with, container] {
      return remove_container_cgroup(with, container->record().cgroup);
    });
    return;
  }
  const shim::ObjectState& state = found->second;
  {
    auto status = container->status.lock();
    status->process = {state.pid, state.start_time};
    if (status->started_ns == 0) status->started_ns = state.started_ns;
    if (state.phase == shim::Phase::kRunning) status->state = cri::CONTAINER_RUNNING;
  }
  if (state.phase == shim::Phase::kExited) apply_exit(with, container, state.exit);
}

void load_container(Services& with, const std::string& id, const std::map<std::string, ShimTruth>& truths) {
  auto record = load_container_record(with.layout, id);
  if (!record) {
    quarantine_container(with, id, record.error());
    return;
  }
  auto status = load_container_status(with.layout, id);
  const bool unfinished = !status && status.error().code() == Code::kNotFound;
  if (unfinished || !with.pods.find(record->pod_id)) {
    discard_container(with, *record);
    return;
  }
  auto container = std::make_shared<Container>(*std::move(record));
  if (status) {
    *container->status.lock() = *status;
  } else {
    log::error("a container's status cannot be read: its shim will tell",
               {{"container", id}, {"error", status.error().to_string()}});
    container->status.lock()->resources = container->record().config.linux().resources();
  }
  static const ShimTruth kNothing;
  const auto truth = truths.find(container->record().pod_id);
  with.containers.insert(container);
  hold_image_volumes(with, container->record());
  reconcile(with, container, truth == truths.end() ? kNothing : truth->second);
  // The news of an end are stored by whoever heard of it.
  if (!status && container->snapshot().state != cri::CONTAINER_EXITED)
    log_unless_stored("store container status", id, store_container_status(with.layout, *container));
}

/// Objects that a shim knows and no record does, and execs whose callers went with the old daemon.
void end_strays(Services& with, const PodPtr& pod, const ShimTruth& truth) {
  const auto shim = pod->live_shim();
  if (!shim) return;
  for (const auto& [id, state] : truth) {
    const bool exec = (state.flags & shim::kExecObject) != 0;
    if (!exec && with.containers.find(id)) continue;
    (void)shim->signal(id, SIGKILL);
    if (exec) continue;
    retry_until_done(with, cat("forget ", id), [shim, id = id]() -> Result<void> {
      auto forgotten = shim->forget(id);
      if (!forgotten && forgotten.error().code() != Code::kNotFound) return forgotten;
      return {};
    });
  }
}

std::vector<std::string> names_in(const std::string& dir) {
  auto names = list_dir(dir);
  return names ? *std::move(names) : std::vector<std::string>();
}

/// Live directories, pins, root file systems and cgroups that no record mentions.
void sweep(Services& with) {
  for (const auto& id : names_in(with.layout.live_pods())) {
    if (with.pods.find(id) || exists(with.layout.pod(id))) continue;
    PodRecord record;
    record.id = id;
    const PodPtr pod = stray_pod(with, std::move(record));
    retry_until_done(with, cat("remove stray pod ", id), [&with, pod] { return tear_down_pod(with, *pod); });
  }
  for (const auto& id : names_in(with.layout.netns_dir())) {
    if (exists(with.layout.pod(id))) continue;
    retry_until_done(with, cat("unpin ", id),
                     [path = with.layout.netns(id)] { return runtime::unpin_namespace(path); });
  }
  for (const auto& key : with.snapshots->keys()) {
    if (with.containers.find(key) || exists(with.layout.container(key))) continue;
    retry_until_done(with, cat("remove root file system ", key),
                     [&with, key] { return with.snapshots->remove(key); });
  }
  for (const auto& name : with.cgroups->children(with.config.cgroup_parent)) {
    const std::string id = pod_of_cgroup(with, name);
    if (id.empty() || exists(with.layout.pod(id))) continue;
    retry_until_done(with, cat("remove cgroup ", name),
                     [&with, path = cat(with.config.cgroup_parent, "/", name)] {
                       return remove_container_cgroup(with, path);
                     });
  }
}

}  // namespace

Result<void> recover(Services& with) {
  std::map<std::string, ShimTruth> truths;
  ASSIGN_OR_RETURN(const auto pod_ids, list_dir(with.layout.pods()));
  for (const auto& id : pod_ids) {
    bool guessed = false;
    const PodPtr pod = load_pod(with, id, guessed);
    if (!pod) continue;
    with.pods.insert(pod);
    if (pod->record().boot_id != with.boot_id) {
      bury_pod(with, pod);
    } else if (!pod->status.lock()->torn_down) {
      truths[id] = adopt_shim(with, pod);
      if (guessed) log_unless_stored("store pod status", id, store_pod_status(with.layout, *pod));
    }
  }
  ASSIGN_OR_RETURN(const auto container_ids, list_dir(with.layout.containers()));
  for (const auto& id : container_ids) load_container(with, id, truths);
  for (const auto& [id, truth] : truths) {
    if (auto pod = with.pods.find(id)) end_strays(with, *pod, truth);
  }
  sweep(with);
  // Nobody listens yet; who does later hears of everything that is there.
  for (const auto& pod : with.pods.list()) announce(with, pod);
  for (const auto& container : with.containers.list()) announce(with, container);
  return {};
}

}  // namespace berth::daemon
