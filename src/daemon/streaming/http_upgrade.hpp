// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::daemon::streaming {

/// What a client must be told in HTTP instead of being served.
struct HttpRefusal {
  int status = 400;
  std::string reason;
  std::string headers;  ///< further ones, each with its CRLF
  std::string text() const;
};

/// An upgrade that was agreed upon.
struct Upgrade {
  std::string kind;   ///< "exec", "attach" or "portforward"
  std::string token;  ///< not looked up yet
  bool websocket = false;
  int version = 0;      ///< of the remotecommand protocol
  bool base64 = false;  ///< WebSocket
  bool tunnel = false;  ///< SPDY/3.1 within WebSocket messages (port-forward)
  std::string answer;   ///< 101 with its headers
};

inline constexpr std::size_t kMaxHttpHead = 16 << 10;

/// Bytes of the request's head in `received`; nothing while it is not whole.
std::optional<std::size_t> http_head_size(std::string_view received);

/// Pure: reads the head of a request for one of our URLs and settles the protocol. `refusal` is
/// filled when there is no result.
std::optional<Upgrade> negotiate_upgrade(std::string_view head, HttpRefusal& refusal);

}  // namespace berth::daemon::streaming
