// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/packet_socket.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace berth::runtime::cli {

Result<PacketSockets> make_packet_sockets() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return Error::from_errno(errno, "create", "a socket pair");
  return PacketSockets{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<std::size_t> receive_packet(int socket, void* buffer, std::size_t capacity, UniqueFd& fd,
                                   const std::string& subject) {
  iovec part{buffer, capacity};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr packet{};
  packet.msg_iov = &part;
  packet.msg_iovlen = 1;
  packet.msg_control = control.data();
  packet.msg_controllen = control.size();
  ssize_t size = 0;
  do {
    size = ::recvmsg(socket, &packet, MSG_CMSG_CLOEXEC | MSG_TRUNC);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && errno == ECONNRESET) return std::size_t{0};
  if (size < 0) return Error::from_errno(errno, "read", subject);
  const cmsghdr* rights = CMSG_FIRSTHDR(&packet);
  if (rights != nullptr && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS) {
    int received = -1;
    std::memcpy(&received, CMSG_DATA(rights), sizeof received);
    fd.reset(received);
  }
  return static_cast<std::size_t>(size);
}

}  // namespace berth::runtime::cli
