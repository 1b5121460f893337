// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <sys/stat.h>

#include "cgroup_fixture.hpp"
#include "runtime/cgroup/delegation.hpp"
#include "runtime/oci/spec_json.hpp"

using namespace berth;
using namespace berth::runtime::cgroup;
using berth::testing::fake_host;
using berth::testing::open_fake_host;
using berth::testing::Tree;

// Whole documents against whole trees: what linux.resources says, and what is in the files then.

namespace {

oci::Resources resources(const std::string& text) {
  auto parsed = oci::parse_resources(text);
  if (!parsed) throw std::runtime_error(parsed.error().to_string());
  return *std::move(parsed);
}

std::string outcome(const Result<void>& result) {
  return result ? std::string("done") : result.error().to_string();
}

}  // namespace

TEST_CASE("block IO goes to the files that the kernel has", "[cgroup]") {
  const auto limits =
      resources(R"({"blockIO":{"weight":500,"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":1024}]}})");
  SECTION("CFQ's") {
    const Tree tree{{"blkio/a/blkio.weight", "100"}, {"blkio/a/blkio.throttle.read_bps_device", ""}};
    CHECK(outcome(open_fake_host(tree, {"blkio"})->update("/a", limits)) == "done");
    CHECK(tree.read("blkio/a/blkio.weight") == "500");
    CHECK(tree.read("blkio/a/blkio.throttle.read_bps_device") == "8:0 1024");
  }
  SECTION("BFQ's") {
    const Tree tree{{"blkio/a/blkio.bfq.weight", "100"}, {"blkio/a/blkio.throttle.read_bps_device", ""}};
    CHECK(outcome(open_fake_host(tree, {"blkio"})->update("/a", limits)) == "done");
    CHECK(tree.read("blkio/a/blkio.bfq.weight") == "500");
  }
  SECTION("v2's with BFQ") {
    const Tree tree{{"unified/cgroup.controllers", "io"},
                    {"unified/a/io.bfq.weight", "default 100"},
                    {"unified/a/io.weight", "default 100"},
                    {"unified/a/io.max", ""}};
    CHECK(outcome(open_fake_host(tree, {""})->update("/a", limits)) == "done");
    CHECK(tree.read("unified/a/io.bfq.weight") == "default 500");
    CHECK(tree.read("unified/a/io.weight") == "default 100");
    CHECK(tree.read("unified/a/io.max") == "8:0 rbps=1024");
  }
  SECTION("v2's without") {
    const Tree tree{{"unified/cgroup.controllers", "io"},
                    {"unified/a/io.weight", "default 100"},
                    {"unified/a/io.max", ""}};
    CHECK(outcome(open_fake_host(tree, {""})->update("/a", limits)) == "done");
    CHECK(tree.read("unified/a/io.weight") == "default 4950");
  }
  SECTION("none: refused by name") {
    const Tree tree{{"blkio/a/cgroup.procs", ""}};
    const auto refused = open_fake_host(tree, {"blkio"})->update("/a", limits);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == Code::kFailedPrecondition);
    CHECK_THAT(refused.error().to_string(), Catch::Contains("blkio.bfq.weight"));
  }
}

TEST_CASE("lines of several devices are restored one by one", "[cgroup]") {
  const Tree tree{{"unified/cgroup.controllers", "io pids"},
                  {"unified/a/cgroup.procs", ""},
                  {"unified/a/io.weight", "default 100\n8:0 200\n"}};
  const auto manager = open_fake_host(tree, {""});
  // Both weights are written before the limit whose file this tree does not have.
  auto limits = resources(
      R"({"blockIO":{"weightDevice":[{"major":8,"minor":0,"weight":500}],"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":9}]}})");
  REQUIRE_FALSE(manager->update("/a", limits));
  CHECK(tree.read("unified/a/io.weight") == "8:0 200");
  tree.write("unified/a/io.weight", "default 100\n");
  REQUIRE_FALSE(manager->update("/a", limits));
  CHECK(tree.read("unified/a/io.weight") == "8:0 default");
}

TEST_CASE("v1 shares that the kernel would clamp are refused", "[cgroup]") {
  // A plain file keeps what it is given, which is what an accepted value looks like.
  const Tree tree{{"cpu/a/cpu.shares", "1024\n"}};
  CHECK(open_fake_host(tree, {"cpu"})->update("/a", resources(R"({"cpu":{"shares":300}})")));
}

TEST_CASE("v2 CPUs that the group does not get are refused, and the old ones restored", "[cgroup]") {
  const Tree tree{{"unified/cgroup.controllers", "cpuset"},
                  {"unified/a/cpuset.cpus", "0-1"},
                  {"unified/a/cpuset.cpus.effective", "0-1"}};
  const auto manager = open_fake_host(tree, {""});
  const auto refused = manager->update("/a", resources(R"({"cpu":{"cpus":"1-2"}})"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Code::kInvalidArgument);
  CHECK_THAT(refused.error().to_string(), Catch::Contains("\"1-2\"") && Catch::Contains("made it \"0-1\""));
  CHECK(tree.read("unified/a/cpuset.cpus") == "0-1");
  CHECK(manager->update("/a", resources(R"({"cpu":{"cpus":"1"}})")));
}

TEST_CASE("usage is only looked at when the document says so", "[cgroup]") {
  const Tree tree{{"unified/cgroup.controllers", "memory"},
                  {"unified/a/memory.current", "5000"},
                  {"unified/a/memory.stat", "inactive_file 0\n"},
                  {"unified/a/memory.max", "max\n"}};
  const auto manager = open_fake_host(tree, {""});
  CHECK_FALSE(manager->update("/a", resources(R"({"memory":{"limit":4000,"checkBeforeUpdate":true}})")));
  CHECK(tree.read("unified/a/memory.max") == "max\n");
  CHECK(manager->update("/a", resources(R"({"memory":{"limit":4000}})")));
  CHECK(tree.read("unified/a/memory.max") == "4000");
}

TEST_CASE("v1's switch for the OOM killer is read as a line and restored as a number", "[cgroup]") {
  const Tree tree{{"memory/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n"},
                  {"memory/a/cgroup.procs", ""},
                  {"pids/a/cgroup.procs", ""}};
  const auto manager = open_fake_host(tree, {"memory", "pids"});
  CHECK(manager->update("/a", resources(R"({"memory":{"disableOOMKiller":true}})")));
  CHECK(tree.read("memory/a/memory.oom_control") == "1");
  tree.write("memory/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
  // There is no pids.max here.
  CHECK_FALSE(manager->update("/a", resources(R"({"memory":{"disableOOMKiller":true},"pids":{"limit":5}})")));
  CHECK(tree.read("memory/a/memory.oom_control") == "0");
}

TEST_CASE("limits whose controller is on no hierarchy are refused by name", "[cgroup]") {
  const Tree tree{{"memory/a/cgroup.procs", ""}};
  const auto manager = open_fake_host(tree, {"memory"});
  for (const auto& [text, name] : {std::pair{R"({"network":{"classID":5}})", "net_cls"},
                                   {R"({"network":{"priorities":[{"name":"lo","priority":1}]}})", "net_prio"},
                                   {R"({"rdma":{"mlx5_0":{"hcaHandles":1}}})", "rdma"},
                                   {R"({"hugepageLimits":[{"pageSize":"2MB","limit":4096}]})", "hugetlb"},
                                   {R"({"blockIO":{"weight":100}})", "io"},
                                   {R"({"unified":{"misc.max":"x 1"}})", "misc"}}) {
    INFO(text);
    const auto refused = manager->update("/a", resources(text));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == Code::kFailedPrecondition);
    CHECK_THAT(refused.error().to_string(), Catch::Contains(name));
  }
}

TEST_CASE("a rare controller is enabled when a limit needs it, and only then", "[cgroup]") {
  const Tree tree{{"unified/cgroup.controllers", "cpu rdma misc"},
                  {"unified/cgroup.subtree_control", "cpu"},
                  {"unified/c/cgroup.controllers", "cpu"},
                  {"unified/c/misc.max", ""}};
  const auto manager = open_fake_host(tree, {""});
  REQUIRE(manager->create("/c", {}));
  CHECK(tree.read("unified/cgroup.subtree_control") == "cpu");
  REQUIRE(manager->create("/c", resources(R"({"unified":{"misc.max":"sev 2\nsev_es 3\n"}})")));
  CHECK(tree.read("unified/cgroup.subtree_control") == "+misc");
  CHECK(tree.read("unified/c/misc.max") == "sev_es 3");  // a write per line
}

TEST_CASE("nothing is created in a frozen group", "[cgroup]") {
  const Tree tree{{"unified/cgroup.controllers", ""},
                  {"unified/a/cgroup.controllers", ""},
                  {"unified/a/cgroup.events", "populated 0\nfrozen 1\n"}};
  const auto refused = open_fake_host(tree, {""})->create("/a", {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Code::kFailedPrecondition);
  CHECK_THAT(refused.error().to_string(), Catch::Contains("/a is frozen"));
}

TEST_CASE("only a writable cgroup mount in a namespace of its own is delegated", "[cgroup]") {
  oci::Spec spec;
  spec.linux_.namespaces = {{oci::NamespaceType::kCgroup, ""}};
  spec.mounts = {{"/sys/fs/cgroup/", "cgroup2", "cgroup", {"nosuid"}}};
  CHECK(is_delegated(spec));
  spec.mounts[0].options = {"nosuid", "ro"};
  CHECK_FALSE(is_delegated(spec));
  spec.mounts[0].options = {"ro", "rw"};  // the later word counts
  CHECK(is_delegated(spec));
  spec.linux_.namespaces[0].path = "/proc/1/ns/cgroup";
  CHECK_FALSE(is_delegated(spec));
  spec.linux_.namespaces.clear();
  CHECK_FALSE(is_delegated(spec));
}

TEST_CASE("delegation gives away the files that the kernel lists, and no limit", "[cgroup]") {
  const Tree tree{{"unified/cgroup.controllers", ""},
                  {"unified/a/cgroup.procs", ""},
                  {"unified/a/memory.max", "max"},
                  {"list", "cgroup.procs\nnot.there\n../memory.max\n"},
                  {"memory/a/cgroup.procs", ""}};
  auto layout = detect_layout(fake_host(tree, {"memory", ""}));
  REQUIRE(layout);
  // To oneself: changing owners for real takes root.
  CHECK(outcome(delegate_group(*layout, "/a", ::geteuid(), tree.path("list"))) == "done");
  CHECK(outcome(delegate_group(*layout, "/a", ::geteuid(), tree.path("absent"))) == "done");
  CHECK_FALSE(delegate_group(*layout, "/b", ::geteuid(), tree.path("list")));
  if (::geteuid() != 0) return;
  const auto owner = [&](const char* name) {
    struct stat info {};
    return ::stat(tree.path(name).c_str(), &info) == 0 ? info.st_uid : 0;
  };
  CHECK(outcome(delegate_group(*layout, "/a", 1234, tree.path("list"))) == "done");
  CHECK(owner("unified/a") == 1234);
  CHECK(owner("unified/a/cgroup.procs") == 1234);
  CHECK(owner("unified/a/memory.max") != 1234);
  CHECK(owner("memory/a") != 1234);
}
