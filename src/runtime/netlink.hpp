// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string_view>

#include "base/result.hpp"

namespace berth::runtime {

using Bytes = std::span<const std::byte>;

/// False when `bytes` ends before that.
template <class Value>
bool read_at(Bytes bytes, std::size_t offset, Value& value) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof value) return false;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return true;
}

/// Visits the messages in one packet of a dump, with their types; true when the dump goes on. Anything
/// malformed ends it.
bool each_message(Bytes packet, const std::function<void(std::uint16_t, Bytes)>& visit);

/// Visits attributes, with their types; false when they are malformed, after those before that.
bool each_attribute(Bytes attributes, const std::function<void(std::uint16_t, Bytes)>& visit);

/// Asks, over a socket from socket_in_network(), for everything of one kind and gives the answer's packets to
/// `take` until that returns false. `head` is the request's own header; `what` is for errors. Blocks on the
/// kernel's lock of network devices.
Result<void> netlink_dump(int socket, std::uint16_t type, Bytes head, std::string_view what,
                          const std::function<bool(Bytes)>& take);

}  // namespace berth::runtime
