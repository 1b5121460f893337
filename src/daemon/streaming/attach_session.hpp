// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "daemon/ops/services.hpp"
#include "daemon/streaming/remote_session.hpp"

namespace berth::daemon::streaming {

/// Serves one client of Attach: from the shim the container's output from now on, which waits for the
/// client in a pipe, and the container's stdin. A client that lets its pipe run full is dropped by the
/// shim; the container and its log never wait. The container lives on when the client leaves; with
/// stdin_once its stdin ends with that of the first client.
void serve_attach(Services& with, ClientSocket& client, const Upgrade& upgrade,
                  const cri::AttachRequest& request, std::string early, RemoteSession::Limits limits);

}  // namespace berth::daemon::streaming
