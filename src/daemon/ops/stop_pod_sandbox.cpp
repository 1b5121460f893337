// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/stop_pod_sandbox.hpp"

#include "base/cat.hpp"
#include "base/log.hpp"
#include "daemon/ops/events.hpp"
#include "daemon/ops/operation.hpp"
#include "daemon/ops/pod_lifecycle.hpp"
#include "daemon/ops/stop_container.hpp"
#include "daemon/state/records.hpp"

namespace berth::daemon {

std::string pod_lease(const std::string& pod_id) {
  return cat("pod ", pod_id);
}
std::string container_lease(const std::string& container_id) {
  return cat("container ", container_id);
}

std::vector<ContainerPtr> containers_of(const Services& with, const std::string& pod_id) {
  auto all = with.containers.list();
  std::erase_if(all, [&](const ContainerPtr& container) { return container->record().pod_id != pod_id; });
  return all;
}

Result<void> stop_pod(Services& with, const PodPtr& pod) {
  if (pod->status.lock()->torn_down) return {};
  Operation op("StopPodSandbox", pod->id());
  // From here on the pod takes no new containers, also when a later step fails.
  {
    auto status = pod->status.lock();
    status->ready = false;
    if (status->reason.empty()) status->reason = "stopped";
  }
  announce(with, pod);
  RETURN_IF_ERROR(op.step("persist not ready", [&] { return store_pod_status(with.layout, *pod); }));
  RETURN_IF_ERROR(op.step("kill containers", [&] { return kill_all(with, containers_of(with, pod->id())); }));
  RETURN_IF_ERROR(op.step("tear down", [&] { return tear_down_pod(with, *pod); }));
  {
    auto status = pod->status.lock();
    status->torn_down = true;
    status->ips.clear();
  }
  RETURN_IF_ERROR(op.step("persist stopped", [&] { return store_pod_status(with.layout, *pod); }));
  op.commit();
  log::info("pod sandbox stopped", {{"pod", pod->id()}});
  return {};
}

Result<void> stop_pod_sandbox(Services& with, const Call& call, const cri::StopPodSandboxRequest& request,
                              cri::StopPodSandboxResponse&) {
  auto pod = with.pods.find(request.pod_sandbox_id());
  if (!pod) {
    if (pod.error().code() == Code::kNotFound) return {};
    return std::move(pod).error();
  }
  ASSIGN_OR_RETURN(auto lease, with.leases.acquire(pod_lease((*pod)->id()), call.deadline, call.cancelled));
  return stop_pod(with, *pod).context(cat("stop pod sandbox ", (*pod)->id()));
}

}  // namespace berth::daemon
