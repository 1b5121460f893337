// SPDX-License-Identifier: Apache-2.0
#include "runtime/net_counters.hpp"

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <catch2/catch.hpp>

#include <cstring>

using namespace berth;

namespace {

using Packet = std::vector<std::byte>;

void append(Packet& to, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::byte*>(data);
  to.insert(to.end(), bytes, bytes + size);
  to.resize((to.size() + 3) / 4 * 4);
}

void append_attribute(Packet& to, std::uint16_t type, const void* data, std::size_t size) {
  const rtattr head{static_cast<std::uint16_t>(sizeof(rtattr) + size), type};
  append(to, &head, sizeof head);
  append(to, data, size);
}

Packet link(const char* name, std::uint64_t first, std::size_t stats_size = sizeof(rtnl_link_stats64)) {
  rtnl_link_stats64 stats{};
  stats.rx_bytes = first;
  stats.rx_packets = first + 1;
  stats.rx_errors = first + 2;
  stats.rx_dropped = first + 3;
  stats.tx_bytes = first + 4;
  stats.tx_packets = first + 5;
  stats.tx_errors = first + 6;
  stats.tx_dropped = first + 7;
  Packet packet;
  nlmsghdr header{};
  const ifinfomsg body{};
  append(packet, &header, sizeof header);
  append(packet, &body, sizeof body);
  append_attribute(packet, IFLA_IFNAME, name, std::strlen(name) + 1);
  append_attribute(packet, IFLA_STATS64, &stats, stats_size);
  header.nlmsg_type = RTM_NEWLINK;
  header.nlmsg_len = static_cast<std::uint32_t>(packet.size());
  std::memcpy(packet.data(), &header, sizeof header);
  return packet;
}

}  // namespace

TEST_CASE("the counters of every interface in a packet are read", "[runtime][net]") {
  Packet packet = link("lo", 1);
  const Packet second = link("eth0", 100);
  packet.insert(packet.end(), second.begin(), second.end());
  std::vector<runtime::InterfaceCounters> interfaces;
  CHECK(runtime::read_interfaces(packet, interfaces));
  REQUIRE(interfaces.size() == 2);
  CHECK(interfaces[0].name == "lo");
  CHECK(interfaces[1].name == "eth0");
  CHECK(interfaces[1].received.bytes == 100);
  CHECK(interfaces[1].received.packets == 101);
  CHECK(interfaces[1].received.errors == 102);
  CHECK(interfaces[1].received.dropped == 103);
  CHECK(interfaces[1].sent.bytes == 104);
  CHECK(interfaces[1].sent.packets == 105);
  CHECK(interfaces[1].sent.errors == 106);
  CHECK(interfaces[1].sent.dropped == 107);
}

TEST_CASE("a kernel with fewer counters leaves the others 0", "[runtime][net]") {
  std::vector<runtime::InterfaceCounters> interfaces;
  CHECK(runtime::read_interfaces(link("eth0", 5, 8), interfaces));
  REQUIRE(interfaces.size() == 1);
  CHECK(interfaces[0].received.packets == 6);
  CHECK(interfaces[0].received.bytes == 0);
}

TEST_CASE("a packet of interfaces that is cut anywhere is read no further", "[runtime][net]") {
  const Packet whole = link("eth0", 1);
  for (std::size_t size = 1; size < whole.size(); ++size) {
    std::vector<runtime::InterfaceCounters> interfaces;
    CHECK_FALSE(runtime::read_interfaces(std::span(whole).first(size), interfaces));
    CHECK(interfaces.empty());
  }
}
