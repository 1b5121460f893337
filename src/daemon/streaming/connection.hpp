// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/unique_fd.hpp"
#include "daemon/ops/services.hpp"
#include "daemon/streaming/tls.hpp"

namespace berth::daemon::streaming {

/// What sessions are given.
struct Serving {
  Services& with;
  int stop_fd;  ///< readable when the daemon stops
};

/// One connection from its first byte to its last, on the calling thread: TLS if there is `tls`, the
/// HTTP request, which must come within seconds, and the session it asks for.
void serve_connection(const Serving& serving, UniqueFd socket, TlsFiles* tls);

}  // namespace berth::daemon::streaming
