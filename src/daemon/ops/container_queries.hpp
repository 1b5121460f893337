// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// What is known about containers. Memory only: never waits for the kernel, a disk or another process.
Result<void> list_containers(Services& with, const Call& call, const cri::ListContainersRequest& request,
                             cri::ListContainersResponse& response);
Result<void> container_status(Services& with, const Call& call, const cri::ContainerStatusRequest& request,
                              cri::ContainerStatusResponse& response);

}  // namespace berth::daemon
