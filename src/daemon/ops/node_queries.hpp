// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// What the runtime says of itself. Memory only.
Result<void> version(Services& with, const Call& call, const cri::VersionRequest& request,
                     cri::VersionResponse& response);
Result<void> status(Services& with, const Call& call, const cri::StatusRequest& request,
                    cri::StatusResponse& response);
Result<void> runtime_config(Services& with, const Call& call, const cri::RuntimeConfigRequest& request,
                            cri::RuntimeConfigResponse& response);
/// The pod CIDR is the CNI configuration's business: accepted, not used.
Result<void> update_runtime_config(Services& with, const Call& call,
                                   const cri::UpdateRuntimeConfigRequest& request,
                                   cri::UpdateRuntimeConfigResponse& response);

}  // namespace berth::daemon
