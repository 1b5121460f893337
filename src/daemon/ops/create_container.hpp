// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// CreateContainer: everything up to the exec gate, or nothing. A repeated call joins the one in
/// flight or gets the container that it made.
Result<void> create_container(Services& with, const Call& call, const cri::CreateContainerRequest& request,
                              cri::CreateContainerResponse& response);

}  // namespace berth::daemon
