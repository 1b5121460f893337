// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// ReopenContainerLog: when it returns, new records go to a new file at the same path. On error no
/// new file exists. Only for running containers.
Result<void> reopen_container_log(Services& with, const Call& call,
                                  const cri::ReopenContainerLogRequest& request,
                                  cri::ReopenContainerLogResponse& response);

}  // namespace berth::daemon
