// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// CPU, memory and pressure from the cgroups, the writable layers and the network from their samplers. What
/// does not run is left out of lists; what ends meanwhile never fails the others.
Result<void> container_stats(Services& with, const Call& call, const cri::ContainerStatsRequest& request,
                             cri::ContainerStatsResponse& response);
Result<void> list_container_stats(Services& with, const Call& call,
                                  const cri::ListContainerStatsRequest& request,
                                  cri::ListContainerStatsResponse& response);
Result<void> pod_sandbox_stats(Services& with, const Call& call, const cri::PodSandboxStatsRequest& request,
                               cri::PodSandboxStatsResponse& response);
Result<void> list_pod_sandbox_stats(Services& with, const Call& call,
                                    const cri::ListPodSandboxStatsRequest& request,
                                    cri::ListPodSandboxStatsResponse& response);

/// What statistics and metrics are of.
std::vector<PodPtr> ready_pods(const Services& with);
/// By pod.
std::multimap<std::string, ContainerPtr> running_containers(const Services& with);
/// New samples of their network interfaces, as far as they come in time. Pods in the host's network have none
/// of their own.
void refresh_network(Services& with, const std::vector<PodPtr>& pods);

}  // namespace berth::daemon
