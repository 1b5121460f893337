// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// RemovePodSandbox: stops and removes the pod's containers by force, stops the pod, forgets it.
/// An unknown pod is success.
Result<void> remove_pod_sandbox(Services& with, const Call& call, const cri::RemovePodSandboxRequest& request,
                                cri::RemovePodSandboxResponse& response);
Result<void> remove_pod(Services& with, const PodPtr& pod);

}  // namespace berth::daemon
