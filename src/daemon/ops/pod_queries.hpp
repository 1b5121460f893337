// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// What is known about pods. Memory only: never waits for the kernel, a disk or another process.
Result<void> list_pod_sandbox(Services& with, const Call& call, const cri::ListPodSandboxRequest& request,
                              cri::ListPodSandboxResponse& response);
Result<void> pod_sandbox_status(Services& with, const Call& call, const cri::PodSandboxStatusRequest& request,
                                cri::PodSandboxStatusResponse& response);

/// The status of now, as PodSandboxStatus and events give it.
void fill_pod_status(const PodSandbox& pod, cri::PodSandboxStatus& out);

/// True when every wanted label is there with that value.
bool labels_match(const google::protobuf::Map<std::string, std::string>& wanted,
                  const google::protobuf::Map<std::string, std::string>& labels);

}  // namespace berth::daemon
