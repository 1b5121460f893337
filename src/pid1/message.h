// SPDX-License-Identifier: Apache-2.0
#pragma once

// Requests as they come off the control socket, checked. Pure: no descriptor is touched here.

#include <stddef.h>
#include <stdint.h>

#include "pid1/shim_protocol.h"

namespace berth::pid1 {

struct Request {
  shim::Header header;
  union {
    unsigned char body[sizeof(shim::Launch)];  // the largest
    shim::Hello hello;
    shim::InitPod init_pod;
    shim::Launch launch;
    shim::ObjectRequest object;
    shim::SignalRequest signal;
    shim::ResizeRequest resize;
    shim::Attach attach;
  };
};

/// Copies `size` bytes into `request` if they are a request that this version knows, whole, with
/// every descriptor position below `fd_count` or kNoFd, IDs in hex and names terminated.
/// 0, or: EBADMSG when not even the header can be answered, EPROTO for a malformed request,
/// EOPNOTSUPP for an unknown type, EPROTONOSUPPORT for an unknown version.
int parse_request(const unsigned char* bytes, size_t size, size_t fd_count, Request& request);

}  // namespace berth::pid1
