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

/// The status of now, as ContainerStatus, events and pods' statuses give it.
void fill_container_status(const Container& container, cri::ContainerStatus& out);
/// Of all containers of a pod.
void fill_container_statuses(const Services& with, const std::string& pod_id,
                             google::protobuf::RepeatedPtrField<cri::ContainerStatus>& out);

}  // namespace berth::daemon
