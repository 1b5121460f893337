// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// Exec, Attach and PortForward check what is asked for and answer a URL; what follows is between the
/// URL's client and the streaming server.
Result<void> exec(Services& with, const Call& call, const cri::ExecRequest& request,
                  cri::ExecResponse& response);
Result<void> attach(Services& with, const Call& call, const cri::AttachRequest& request,
                    cri::AttachResponse& response);
Result<void> port_forward(Services& with, const Call& call, const cri::PortForwardRequest& request,
                          cri::PortForwardResponse& response);

}  // namespace berth::daemon
