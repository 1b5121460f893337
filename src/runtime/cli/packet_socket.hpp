// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::runtime::cli {

/// Two ends of a unix socket of packets, for a program that is started and speaks with us.
struct PacketSockets {
  UniqueFd ours, theirs;
};
Result<PacketSockets> make_packet_sockets();

/// Waits for the next packet. Its whole length, also where that is more than `capacity` and the rest is
/// lost; 0 when the other side is gone. The descriptor that comes with it, if any, goes to `fd`.
/// `subject` is what cannot be read, for the error.
Result<std::size_t> receive_packet(int socket, void* buffer, std::size_t capacity, UniqueFd& fd,
                                   const std::string& subject);

}  // namespace berth::runtime::cli
