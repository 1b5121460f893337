// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// UpdateContainerResources: all or nothing; the status then shows what holds. Allowed on created
/// and running containers.
Result<void> update_container_resources(Services& with, const Call& call,
                                        const cri::UpdateContainerResourcesRequest& request,
                                        cri::UpdateContainerResourcesResponse& response);

}  // namespace berth::daemon
