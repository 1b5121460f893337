// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/ops/services.hpp"
#include "daemon/streaming/remote_session.hpp"

namespace berth::daemon::streaming {

/// Serves one client of Exec: launches the command when the client's channels are there, carries
/// its streams, and reports its end. A client that vanishes takes the command's whole tree with it.
void serve_exec(Services& with, ClientSocket& client, const Upgrade& upgrade, const cri::ExecRequest& request,
                std::string early, RemoteSession::Limits limits);

}  // namespace berth::daemon::streaming
