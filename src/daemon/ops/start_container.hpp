// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// StartContainer: opens the exec gate. Only from CREATED; on failure the container is EXITED with
/// reason StartError and code 128, so that the kubelet can see why and start another.
Result<void> start_container(Services& with, const Call& call, const cri::StartContainerRequest& request,
                             cri::StartContainerResponse& response);

}  // namespace berth::daemon
