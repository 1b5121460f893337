// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// RemoveContainer: kills it if it runs, then takes away all it has. Unknown is success. Its log
/// stays: the kubelet owns it.
Result<void> remove_container(Services& with, const Call& call, const cri::RemoveContainerRequest& request,
                              cri::RemoveContainerResponse& response);
Result<void> remove_container(Services& with, const ContainerPtr& container);

}  // namespace berth::daemon
