// SPDX-License-Identifier: Apache-2.0
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "runtime/intel_rdt.hpp"
#include "runtime/net_addresses.hpp"
#include "runtime/oci/id_mappings.hpp"
#include "runtime/oci/scheduling.hpp"
#include "runtime/sysctl_keys.hpp"
#include "tree.hpp"

// What the rarer fields of a spec mean, without a kernel to try it on.
namespace berth {
namespace {

TEST_CASE("an id is mapped by the range that it is in", "[runtime][spec]") {
  const std::vector<oci::IdMapping> maps = {{0, 1000, 10}, {100, 5, 1}};
  CHECK(oci::host_id(maps, 0) == 1000U);
  CHECK(oci::host_id(maps, 9) == 1009U);
  CHECK_FALSE(oci::host_id(maps, 10));
  CHECK(oci::host_id(maps, 100) == 5U);
  CHECK(oci::id_map_text(maps) == "0 1000 10\n100 5 1\n");
}

TEST_CASE("scheduling words become the kernel's numbers", "[runtime][spec]") {
  const auto batch = oci::scheduler_words({"SCHED_BATCH", -5, {}, {"SCHED_FLAG_RESET_ON_FORK"}, {}, {}, {}});
  REQUIRE(batch);
  CHECK((*batch)[0] == 3);
  CHECK((*batch)[1] == 1);
  CHECK(static_cast<std::int32_t>((*batch)[2]) == -5);
  CHECK(*oci::io_priority_value({"IOPRIO_CLASS_BE", 4}) == (2U << 13 | 4U));
  const auto policy = oci::memory_policy_words({"MPOL_BIND", "0,65", {"MPOL_F_STATIC_NODES"}});
  REQUIRE(policy);
  CHECK(policy->nodes == std::vector<std::uint64_t>{1, 2});
  CHECK(policy->mode == (2U | 1U << 15));
  CHECK(*oci::personality_value({"LINUX32", {}}) == 8);
  CHECK(oci::cpu_words("x", "")->empty());
}

TEST_CASE("a sysctl belongs to the namespace that its name says", "[runtime][spec]") {
  using oci::NamespaceType;
  CHECK(runtime::sysctl_owner("net/ipv4/ip_forward") == NamespaceType::kNetwork);
  CHECK(runtime::sysctl_owner("kernel.sem") == NamespaceType::kIpc);
  CHECK(runtime::sysctl_owner("fs.mqueue.msg_max") == NamespaceType::kIpc);
  CHECK(runtime::sysctl_owner("kernel.domainname") == NamespaceType::kUts);
  for (const char* key :
       {"kernel.hostname", "kernel.core_pattern", "vm.overcommit_memory", "netx.a", "fs.mqueue"})
    CHECK_FALSE(runtime::sysctl_owner(key));
  CHECK(runtime::sysctl_path("net.ipv4.conf.eth0/5.forwarding") == "net/ipv4/conf/eth0.5/forwarding");
  CHECK(runtime::sysctl_path("net/ipv4/conf/eth0.5/forwarding") == "net/ipv4/conf/eth0.5/forwarding");
}

/// One RTM_NEWADDR of an IPv4 address.
std::vector<std::byte> address_packet(unsigned index, std::uint8_t scope, std::uint32_t flags,
                                      unsigned cut = 0) {
  struct {
    nlmsghdr header;
    ifaddrmsg body;
    rtattr local_head;
    std::uint32_t local;
    rtattr flags_head;
    std::uint32_t flags;
  } message{};
  message.header.nlmsg_len = sizeof message - cut;
  message.header.nlmsg_type = RTM_NEWADDR;
  message.body.ifa_family = 2;
  message.body.ifa_prefixlen = 24;
  message.body.ifa_scope = scope;
  message.body.ifa_index = index;
  message.local_head = {RTA_LENGTH(4), IFA_LOCAL};
  message.local = 0x0500a8c0;
  message.flags_head = {RTA_LENGTH(4), IFA_FLAGS};
  message.flags = flags;
  std::vector<std::byte> bytes(sizeof message - cut);
  std::memcpy(bytes.data(), &message, bytes.size());
  return bytes;
}

TEST_CASE("permanent global addresses of the device are kept, others are not", "[runtime][net]") {
  std::vector<std::uint64_t> words;
  CHECK(runtime::read_addresses(address_packet(7, RT_SCOPE_UNIVERSE, IFA_F_PERMANENT), 7, words));
  REQUIRE(words.size() == 4);
  CHECK((words[0] & 0xffffU) == (2U | 24U << 8));
  CHECK(words[1] == 0x0500a8c0);
  words.clear();
  CHECK(runtime::read_addresses(address_packet(8, RT_SCOPE_UNIVERSE, IFA_F_PERMANENT), 7, words));
  CHECK(runtime::read_addresses(address_packet(7, RT_SCOPE_LINK, IFA_F_PERMANENT), 7, words));
  CHECK(runtime::read_addresses(address_packet(7, RT_SCOPE_UNIVERSE, 0), 7, words));
  CHECK(words.empty());
}

TEST_CASE("a packet of addresses that is cut anywhere is read no further", "[runtime][net]") {
  const auto whole = address_packet(7, RT_SCOPE_UNIVERSE, IFA_F_PERMANENT);
  for (std::size_t size = 1; size < whole.size(); ++size) {
    std::vector<std::uint64_t> words;
    CHECK_FALSE(runtime::read_addresses(std::span(whole).first(size), 7, words));
    CHECK(words.empty());
  }
  std::vector<std::uint64_t> words;
  CHECK(runtime::read_addresses(address_packet(7, RT_SCOPE_UNIVERSE, IFA_F_PERMANENT, 2), 7, words));
  CHECK(words.empty());
}

/// What resctrl looks like to a program: directories with these files.
struct FakeResctrl {
  testing::Tree tree{{"schemata", ""},       {"tasks", ""},       {"mon_groups/", ""},
                     {"there/schemata", ""}, {"there/tasks", ""}, {"there/mon_groups/x/tasks", ""}};
};

TEST_CASE("a cache group that exists gets its schemata and is not made again", "[runtime][rdt]") {
  const FakeResctrl fake;
  oci::IntelRdt wanted;
  wanted.clos_id = "there";
  wanted.l3_cache_schema = "L3:0=f";
  const auto group = runtime::open_resctrl_group(wanted, "container", fake.tree.root());
  REQUIRE(group);
  CHECK_FALSE(group->created);
  CHECK(fake.tree.read("there/schemata") == "L3:0=f\n");
  wanted.clos_id = "/";
  CHECK(runtime::open_resctrl_group(wanted, "container", fake.tree.root()));
  CHECK(fake.tree.read("schemata") == "L3:0=f\n");
}

TEST_CASE("a cache group that cannot be is refused, and nothing is left", "[runtime][rdt]") {
  const FakeResctrl fake;
  oci::IntelRdt wanted;
  wanted.clos_id = "absent";
  const auto absent = runtime::open_resctrl_group(wanted, "container", fake.tree.root());
  REQUIRE_FALSE(absent);
  CHECK(absent.error().code() == Code::kInvalidArgument);
  // Made, but without a file for the schemata: a plain directory is no group.
  wanted.schemata = {"MB:0=10"};
  CHECK_FALSE(runtime::open_resctrl_group(wanted, "container", fake.tree.root()));
  CHECK_FALSE(fake.tree.has("absent"));
  const auto nowhere = runtime::open_resctrl_group(wanted, "container", fake.tree.path("mon_groups"));
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().code() == Code::kFailedPrecondition);
  CHECK(runtime::remove_resctrl_group(wanted, "container", true, fake.tree.root()));
}

TEST_CASE("of cache groups only what was made for the container is removed", "[runtime][rdt]") {
  const testing::Tree tree{{"mine/", ""}, {"there/mon_groups/c1/", ""}};
  oci::IntelRdt wanted;
  wanted.clos_id = "mine";
  CHECK(runtime::remove_resctrl_group(wanted, "c1", false, tree.root()));
  CHECK(tree.has("mine"));
  CHECK(runtime::remove_resctrl_group(wanted, "c1", true, tree.root()));
  CHECK_FALSE(tree.has("mine"));
  wanted.clos_id = "there";
  wanted.enable_monitoring = true;
  CHECK(runtime::remove_resctrl_group(wanted, "c1", false, tree.root()));
  CHECK(tree.has("there/mon_groups"));
  CHECK_FALSE(tree.has("there/mon_groups/c1"));
}

}  // namespace
}  // namespace berth
