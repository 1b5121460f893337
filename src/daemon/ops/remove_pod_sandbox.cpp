// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/remove_pod_sandbox.hpp"

#include "base/cat.hpp"
#include "base/log.hpp"
#include "base/remove_tree.hpp"
#include "daemon/ops/events.hpp"
#include "daemon/ops/operation.hpp"
#include "daemon/ops/pod_lifecycle.hpp"
#include "daemon/ops/remove_container.hpp"
#include "daemon/ops/stop_pod_sandbox.hpp"

namespace berth::daemon {
namespace {

Result<void> remove_containers(Services& with, const std::string& pod_id) {
  for (const auto& container : containers_of(with, pod_id)) {
    ASSIGN_OR_RETURN(auto lease, with.leases.acquire(container_lease(container->id()), shim_deadline(), {}));
    RETURN_IF_ERROR(remove_container(with, container));
  }
  return {};
}

}  // namespace

Result<void> remove_pod(Services& with, const PodPtr& pod) {
  Operation op("RemovePodSandbox", pod->id());
  RETURN_IF_ERROR(op.step("stop", [&] { return stop_pod(with, pod); }));
  RETURN_IF_ERROR(op.step("remove containers", [&] { return remove_containers(with, pod->id()); }));
  // Again: a container's own group may have gone only after the stop had looked whether its parent is empty.
  RETURN_IF_ERROR(op.step("remove pod cgroup", [&] { return remove_pod_cgroup(with, pod->record()); }));
  RETURN_IF_ERROR(op.step("remove record", [&] { return remove_tree(with.layout.pod(pod->id())); }));
  with.pods.erase(pod);
  announce_removed(with, pod);
  with.network_usage->forget(pod->id());
  op.commit();
  log::info("pod sandbox removed", {{"pod", pod->id()}});
  return {};
}

Result<void> remove_pod_sandbox(Services& with, const Call& call, const cri::RemovePodSandboxRequest& request,
                                cri::RemovePodSandboxResponse&) {
  auto pod = with.pods.find(request.pod_sandbox_id());
  if (!pod) {
    if (pod.error().code() == Code::kNotFound) return {};
    return std::move(pod).error();
  }
  ASSIGN_OR_RETURN(auto lease, with.leases.acquire(pod_lease((*pod)->id()), call.deadline, call.cancelled));
  return remove_pod(with, *pod).context(cat("remove pod sandbox ", (*pod)->id()));
}

}  // namespace berth::daemon
