// SPDX-License-Identifier: Apache-2.0
#include "runtime/netlink.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace berth::runtime {
namespace {

constexpr std::size_t kPacketSize = 32 * 1024;  // what the kernel fills at most

Bytes behind(Bytes bytes, std::size_t offset) {
  return bytes.subspan(std::min(offset, bytes.size()));
}

}  // namespace

bool each_message(Bytes packet, const std::function<void(std::uint16_t, Bytes)>& visit) {
  while (!packet.empty()) {
    nlmsghdr header{};
    if (!read_at(packet, 0, header) || header.nlmsg_len < sizeof header || header.nlmsg_len > packet.size())
      return false;
    if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) return false;
    visit(header.nlmsg_type, packet.subspan(sizeof header, header.nlmsg_len - sizeof header));
    packet = behind(packet, NLMSG_ALIGN(header.nlmsg_len));
  }
  return true;
}

bool each_attribute(Bytes attributes, const std::function<void(std::uint16_t, Bytes)>& visit) {
  rtattr head{};
  while (read_at(attributes, 0, head)) {
    if (head.rta_len < sizeof head || head.rta_len > attributes.size()) return false;
    visit(head.rta_type, attributes.subspan(sizeof head, head.rta_len - sizeof head));
    attributes = behind(attributes, RTA_ALIGN(head.rta_len));
  }
  return true;
}

Result<void> netlink_dump(int socket, std::uint16_t type, Bytes head, std::string_view what,
                          const std::function<bool(Bytes)>& take) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + head.size());
  header.nlmsg_type = type;
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  std::vector<std::byte> packet(kPacketSize);
  std::memcpy(packet.data(), &header, sizeof header);
  std::memcpy(packet.data() + sizeof header, head.data(), head.size());
  if (::send(socket, packet.data(), header.nlmsg_len, 0) < 0)
    return Error::from_errno(errno, "ask for", std::string(what));
  for (bool more = true; more;) {
    const ssize_t size = ::recv(socket, packet.data(), packet.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return Error::from_errno(size < 0 ? errno : EIO, "read", std::string(what));
    more = take(std::span(packet).first(static_cast<std::size_t>(size)));
  }
  return {};
}

}  // namespace berth::runtime
