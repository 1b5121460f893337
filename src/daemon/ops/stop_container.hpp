// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// StopContainer: the stop signal, then after `timeout` seconds SIGKILL to its whole tree. Unknown
/// and exited containers are success. The stop belongs to the daemon: a caller that leaves does not
/// cancel it; a later call with a shorter timeout brings the kill forward, a longer one changes nothing.
Result<void> stop_container(Services& with, const Call& call, const cri::StopContainerRequest& request,
                            cri::StopContainerResponse& response);

/// SIGKILL to each, then waits for all of them.
Result<void> kill_all(Services& with, const std::vector<ContainerPtr>& containers);

}  // namespace berth::daemon
