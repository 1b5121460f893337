// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// StopPodSandbox: kills what still runs in the pod, detaches its network, ends its shim; keeps the
/// record. Unknown and already stopped pods are success. On failure it can be called again and goes
/// on where it was.
Result<void> stop_pod_sandbox(Services& with, const Call& call, const cri::StopPodSandboxRequest& request,
                              cri::StopPodSandboxResponse& response);

/// The same for a pod at hand whose lease the caller holds.
Result<void> stop_pod(Services& with, const PodPtr& pod);

std::string pod_lease(const std::string& pod_id);
std::string container_lease(const std::string& container_id);
std::vector<ContainerPtr> containers_of(const Services& with, const std::string& pod_id);

}  // namespace berth::daemon
