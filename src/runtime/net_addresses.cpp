// SPDX-License-Identifier: Apache-2.0
#include "runtime/net_addresses.hpp"

#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/cat.hpp"
#include "base/unique_fd.hpp"

namespace berth::runtime {
namespace {

constexpr std::size_t kPacketSize = 32 * 1024;  // what the kernel fills at most

template <class Value>
bool read_at(std::span<const std::byte> bytes, std::size_t offset, Value& value) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof value) return false;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return true;
}

struct Address {
  ifaddrmsg head{};
  std::uint32_t flags = 0;
  std::array<std::uint64_t, 2> local{};
  std::uint64_t broadcast = 0;
  bool has_local = false;
};

void take(const rtattr& attribute, std::span<const std::byte> value, Address& out) {
  const auto copy = [&](void* to, std::size_t room) {
    std::memcpy(to, value.data(), std::min(room, value.size()));
  };
  switch (attribute.rta_type) {
    case IFA_FLAGS:
      copy(&out.flags, sizeof out.flags);
      break;
    case IFA_LOCAL:
      out.has_local = true;
      copy(out.local.data(), sizeof out.local);
      break;
    case IFA_ADDRESS:  // of IPv6 the only one; of IPv4 the peer's, where there is one
      if (!out.has_local) copy(out.local.data(), sizeof out.local);
      break;
    case IFA_BROADCAST:
      copy(&out.broadcast, sizeof(std::uint32_t));
      break;
    default:
      break;
  }
}

bool parse_address(std::span<const std::byte> message, Address& out) {
  if (!read_at(message, 0, out.head)) return false;
  out.flags = out.head.ifa_flags;
  std::size_t at = NLMSG_ALIGN(sizeof out.head);
  rtattr attribute{};
  while (read_at(message, at, attribute)) {
    if (attribute.rta_len < sizeof attribute || attribute.rta_len > message.size() - at) return false;
    take(attribute, message.subspan(at + sizeof attribute, attribute.rta_len - sizeof attribute), out);
    at += RTA_ALIGN(attribute.rta_len);
  }
  return true;
}

void append(const Address& address, std::vector<std::uint64_t>& words) {
  words.push_back(std::uint64_t{address.head.ifa_family} | std::uint64_t{address.head.ifa_prefixlen} << 8 |
                  std::uint64_t{address.head.ifa_scope} << 16 | std::uint64_t{address.flags} << 32);
  words.insert(words.end(), address.local.begin(), address.local.end());
  words.push_back(address.broadcast);
}

Result<UniqueFd> request_dump() {
  UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket) return Error::from_errno(errno, "socket", "for network addresses");
  struct {
    nlmsghdr header;
    ifaddrmsg body;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_GETADDR;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  if (::send(socket.get(), &request, sizeof request, 0) < 0)
    return Error::from_errno(errno, "ask for", "network addresses");
  return socket;
}

}  // namespace

bool read_addresses(std::span<const std::byte> packet, unsigned index, std::vector<std::uint64_t>& words) {
  while (!packet.empty()) {
    nlmsghdr header{};
    if (!read_at(packet, 0, header) || header.nlmsg_len < sizeof header || header.nlmsg_len > packet.size())
      return false;
    if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) return false;
    Address address;
    const auto body = packet.subspan(sizeof header, header.nlmsg_len - sizeof header);
    const bool is_address = header.nlmsg_type == RTM_NEWADDR && parse_address(body, address);
    const bool stays = address.head.ifa_scope == RT_SCOPE_UNIVERSE && (address.flags & IFA_F_PERMANENT) != 0;
    if (is_address && stays && address.head.ifa_index == index) append(address, words);
    packet = packet.subspan(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), packet.size()));
  }
  return true;
}

Result<std::vector<std::uint64_t>> permanent_addresses(const std::string& device) {
  const unsigned index = ::if_nametoindex(device.c_str());
  if (index == 0)
    return Error(Code::kInvalidArgument, cat("linux.netDevices: there is no network device ", device));
  ASSIGN_OR_RETURN(const UniqueFd socket, request_dump());
  std::vector<std::byte> packet(kPacketSize);
  std::vector<std::uint64_t> words;
  for (bool more = true; more;) {
    const ssize_t size = ::recv(socket.get(), packet.data(), packet.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return Error::from_errno(size < 0 ? errno : EIO, "read", "network addresses");
    more = read_addresses(std::span(packet).first(static_cast<std::size_t>(size)), index, words);
  }
  return words;
}

}  // namespace berth::runtime
