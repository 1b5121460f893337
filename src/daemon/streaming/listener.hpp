// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::daemon::streaming {

struct Listener {
  UniqueFd socket;
  std::uint16_t port = 0;  ///< bound, also when 0 was asked for
};

/// A TCP socket that listens on an IPv4 or IPv6 address and does not block.
Result<Listener> listen_on(const std::string& address, std::uint16_t port);

/// "127.0.0.1:80", "[::1]:80"
std::string host_and_port(const std::string& address, std::uint16_t port);

}  // namespace berth::daemon::streaming
