// SPDX-License-Identifier: Apache-2.0
#include "runtime/net_counters.hpp"

#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "base/dir.hpp"
#include "runtime/namespaces.hpp"

namespace berth::runtime {
namespace {

void take_attribute(std::uint16_t type, Bytes value, InterfaceCounters& out) {
  if (type == IFLA_IFNAME) {
    const std::string_view name(reinterpret_cast<const char*>(value.data()), value.size());
    out.name = name.substr(0, name.find('\0'));
    return;
  }
  rtnl_link_stats64 stats{};
  if (type != IFLA_STATS64 || value.empty()) return;
  // Newer kernels append fields, older ones have fewer.
  std::memcpy(&stats, value.data(), std::min(value.size(), sizeof stats));
  out.received = {stats.rx_bytes, stats.rx_packets, stats.rx_errors, stats.rx_dropped};
  out.sent = {stats.tx_bytes, stats.tx_packets, stats.tx_errors, stats.tx_dropped};
}

}  // namespace

bool read_interfaces(Bytes packet, std::vector<InterfaceCounters>& interfaces) {
  return each_message(packet, [&](std::uint16_t type, Bytes body) {
    if (type != RTM_NEWLINK || body.size() < NLMSG_ALIGN(sizeof(ifinfomsg))) return;
    InterfaceCounters interface;
    each_attribute(body.subspan(NLMSG_ALIGN(sizeof(ifinfomsg))),
                   [&](std::uint16_t kind, Bytes value) { take_attribute(kind, value, interface); });
    if (!interface.name.empty()) interfaces.push_back(std::move(interface));
  });
}

Result<std::vector<InterfaceCounters>> interface_counters(const std::string& netns_path) {
  ASSIGN_OR_RETURN(const UniqueFd netns, open_at(kCwd, netns_path, O_RDONLY));
  ASSIGN_OR_RETURN(const UniqueFd socket, socket_in_network(netns.get(), AF_NETLINK, SOCK_RAW));
  const ifinfomsg head{};
  std::vector<InterfaceCounters> interfaces;
  RETURN_IF_ERROR(netlink_dump(socket.get(), RTM_GETLINK, std::as_bytes(std::span(&head, 1)),
                               "network interfaces",
                               [&](Bytes packet) { return read_interfaces(packet, interfaces); }));
  return interfaces;
}

}  // namespace berth::runtime
