// SPDX-License-Identifier: Apache-2.0
#include "runtime/net_addresses.hpp"

#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/cat.hpp"
#include "runtime/namespaces.hpp"
#include "runtime/netlink.hpp"

namespace berth::runtime {
namespace {

struct Address {
  ifaddrmsg head{};
  std::uint32_t flags = 0;
  std::array<std::uint64_t, 2> local{};
  std::uint64_t broadcast = 0;
  bool has_local = false;
};

void take(std::uint16_t type, Bytes value, Address& out) {
  const auto copy = [&](void* to, std::size_t room) {
    std::memcpy(to, value.data(), std::min(room, value.size()));
  };
  switch (type) {
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

bool parse_address(Bytes message, Address& out) {
  if (!read_at(message, 0, out.head)) return false;
  out.flags = out.head.ifa_flags;
  return each_attribute(message.subspan(std::min(message.size(), NLMSG_ALIGN(sizeof out.head))),
                        [&](std::uint16_t type, Bytes value) { take(type, value, out); });
}

void append(const Address& address, std::vector<std::uint64_t>& words) {
  words.push_back(std::uint64_t{address.head.ifa_family} | std::uint64_t{address.head.ifa_prefixlen} << 8 |
                  std::uint64_t{address.head.ifa_scope} << 16 | std::uint64_t{address.flags} << 32);
  words.insert(words.end(), address.local.begin(), address.local.end());
  words.push_back(address.broadcast);
}

}  // namespace

bool read_addresses(Bytes packet, unsigned index, std::vector<std::uint64_t>& words) {
  return each_message(packet, [&](std::uint16_t type, Bytes body) {
    Address address;
    const bool is_address = type == RTM_NEWADDR && parse_address(body, address);
    const bool stays = address.head.ifa_scope == RT_SCOPE_UNIVERSE && (address.flags & IFA_F_PERMANENT) != 0;
    if (is_address && stays && address.head.ifa_index == index) append(address, words);
  });
}

Result<std::vector<std::uint64_t>> permanent_addresses(const std::string& device) {
  const unsigned index = ::if_nametoindex(device.c_str());
  if (index == 0)
    return Error(Code::kInvalidArgument, cat("linux.netDevices: there is no network device ", device));
  ASSIGN_OR_RETURN(const UniqueFd socket, socket_in_network(-1, AF_NETLINK, SOCK_RAW));
  const ifaddrmsg head{};
  std::vector<std::uint64_t> words;
  RETURN_IF_ERROR(netlink_dump(socket.get(), RTM_GETADDR, std::as_bytes(std::span(&head, 1)),
                               "network addresses",
                               [&](Bytes packet) { return read_addresses(packet, index, words); }));
  return words;
}

}  // namespace berth::runtime
