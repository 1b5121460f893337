// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// RunPodSandbox: a ready pod with its network, or nothing. A repeated call joins the one in flight
/// or gets the pod that it made.
Result<void> run_pod_sandbox(Services& with, const Call& call, const cri::RunPodSandboxRequest& request,
                             cri::RunPodSandboxResponse& response);

}  // namespace berth::daemon
