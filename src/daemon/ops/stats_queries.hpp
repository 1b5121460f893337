// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// CPU and memory from the container's cgroup, the writable layer from the sampler. Stopped
/// containers are left out of lists; one that ends meanwhile never fails the others.
Result<void> container_stats(Services& with, const Call& call, const cri::ContainerStatsRequest& request,
                             cri::ContainerStatsResponse& response);
Result<void> list_container_stats(Services& with, const Call& call,
                                  const cri::ListContainerStatsRequest& request,
                                  cri::ListContainerStatsResponse& response);

}  // namespace berth::daemon
