// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "cgroup_fixture.hpp"

using namespace berth;
using namespace berth::runtime::cgroup;
using berth::testing::open_fake_host;
using berth::testing::Tree;
using std::chrono::milliseconds;

TEST_CASE("v1 limits land in each controller's own hierarchy", "[cgroup]") {
  const Tree tree{{"cpu/p/c/cpu.shares", "1024"},
                  {"memory/p/c/memory.limit_in_bytes", "9223372036854771712\n"},
                  {"memory/p/c/memory.memsw.limit_in_bytes", "9223372036854771712\n"},
                  {"pids/p/c/pids.max", "max"},
                  {"cpuset/cpuset.cpus", "0-1\n"},
                  {"cpuset/cpuset.mems", "0\n"},
                  {"cpuset/p/cpuset.cpus", "\n"},
                  {"cpuset/p/cpuset.mems", "\n"},
                  {"cpuset/p/c/cpuset.cpus", "\n"},
                  {"cpuset/p/c/cpuset.mems", "\n"}};
  const auto manager = open_fake_host(tree, {"cpu", "memory", "pids", "cpuset"});
  oci::Resources resources;
  resources.cpu_shares = 512;
  resources.memory_limit = 1000;
  resources.memory_swap = 1000;
  resources.pids_limit = 10;
  const auto created = manager->create("/p/c", resources);
  INFO((created ? std::string() : created.error().to_string()));
  REQUIRE(created);
  CHECK(tree.read("cpu/p/c/cpu.shares") == "512");
  CHECK(tree.read("memory/p/c/memory.limit_in_bytes") == "1000");
  CHECK(tree.read("memory/p/c/memory.memsw.limit_in_bytes") == "1000");
  CHECK(tree.read("pids/p/c/pids.max") == "10");
  // Copied down through the empty parent.
  CHECK(tree.read("cpuset/p/cpuset.cpus") == "0-1");
  CHECK(tree.read("cpuset/p/c/cpuset.cpus") == "0-1");
  CHECK(tree.read("cpuset/p/c/cpuset.mems") == "0");
}

TEST_CASE("v2 controllers are enabled from the root down, but not in the group itself", "[cgroup]") {
  const Tree tree{{"unified/cgroup.controllers", "cpu memory rdma"},
                  {"unified/cgroup.subtree_control", "cpu"},
                  {"unified/p/cgroup.controllers", "cpu memory"},
                  {"unified/p/cgroup.subtree_control", ""},
                  {"unified/p/c/cgroup.controllers", ""},
                  {"unified/p/c/cgroup.subtree_control", "untouched"},
                  {"unified/p/c/memory.max", "max"},
                  {"unified/p/c/cpu.weight", "100"}};
  const auto manager = open_fake_host(tree, {""});
  oci::Resources resources;
  resources.memory_limit = 1000;
  resources.unified = {{"cpu.weight", "55"}};
  resources.cpu_shares = 1024;
  REQUIRE(manager->create("/p/c", resources));
  CHECK(tree.read("unified/cgroup.subtree_control") == "+memory");
  CHECK(tree.read("unified/p/cgroup.subtree_control") == "+cpu +memory");
  CHECK(tree.read("unified/p/c/cgroup.subtree_control") == "untouched");
  CHECK(tree.read("unified/p/c/memory.max") == "1000");
  CHECK(tree.read("unified/p/c/cpu.weight") == "55");  // the verbatim file wins
}

TEST_CASE("on a hybrid host memory goes to v1 and huge pages to v2", "[cgroup]") {
  const Tree tree{{"memory/p/memory.limit_in_bytes", "0"},
                  {"unified/cgroup.controllers", "hugetlb"},
                  {"unified/p/cgroup.controllers", "hugetlb"},
                  {"unified/p/hugetlb.2MB.max", "max"}};
  const auto manager = open_fake_host(tree, {"memory", ""});
  oci::Resources resources;
  resources.memory_limit = 5;
  resources.hugepages = {{"2MB", 0}};
  REQUIRE(manager->create("/p", resources));
  CHECK(tree.read("memory/p/memory.limit_in_bytes") == "5");
  CHECK(tree.read("unified/p/hugetlb.2MB.max") == "0");
}

TEST_CASE("a creation that fails takes away the directories that it made", "[cgroup]") {
  const Tree tree{{"memory/kubepods/", ""}, {"pids/", ""}};
  const auto manager = open_fake_host(tree, {"memory", "pids"});
  oci::Resources resources;
  resources.memory_limit = 1000;  // a new directory of this tree has no such file
  const auto created = manager->create("/kubepods/pod/c", resources);
  REQUIRE_FALSE(created);
  CHECK(created.error().to_string().find("/kubepods/pod/c") != std::string::npos);
  CHECK_FALSE(tree.has("memory/kubepods/pod"));
  CHECK(tree.has("memory/kubepods"));
  CHECK_FALSE(tree.has("pids/kubepods"));
}

TEST_CASE("a creation fails before anything is made when a limit has no controller", "[cgroup]") {
  const Tree tree{{"memory/", ""}};
  const auto manager = open_fake_host(tree, {"memory"});
  oci::Resources resources;
  resources.pids_limit = 5;
  const auto created = manager->create("/a", resources);
  REQUIRE_FALSE(created);
  CHECK(created.error().code() == Code::kFailedPrecondition);
  CHECK_FALSE(tree.has("memory/a"));
  resources = {};
  resources.hugepages = {{"2MB", 0}};  // named by orchestrators whether or not they can be limited
  CHECK(manager->create("/a", resources));
  resources.unified = {{"memory.high", "1"}};
  CHECK(manager->update("/a", resources).error().code() == Code::kFailedPrecondition);
}

TEST_CASE("a group with processes is not taken over", "[cgroup]") {
  const Tree tree{{"memory/a/cgroup.procs", "77\n"}};
  const auto created = open_fake_host(tree, {"memory"})->create("/a", {});
  REQUIRE_FALSE(created);
  CHECK(created.error().code() == Code::kAlreadyExists);
  CHECK(tree.has("memory/a"));
}

TEST_CASE("an update that fails half way restores what it changed", "[cgroup]") {
  const Tree tree{{"cpu/a/cpu.shares", "1024\n"},
                  {"memory/a/memory.limit_in_bytes", "100\n"},
                  {"memory/a/cgroup.procs", ""},
                  {"pids/a/cgroup.procs", ""}};
  const auto manager = open_fake_host(tree, {"cpu", "memory", "pids"});
  oci::Resources resources;
  resources.cpu_shares = 2;
  resources.memory_limit = 50;
  resources.pids_limit = 7;  // no pids.max in this tree
  const auto updated = manager->update("/a", resources);
  REQUIRE_FALSE(updated);
  CHECK(updated.error().code() == Code::kFailedPrecondition);
  CHECK(tree.read("cpu/a/cpu.shares") == "1024");
  CHECK(tree.read("memory/a/memory.limit_in_bytes") == "100");
}

TEST_CASE("updates of absent groups and of bad paths are refused", "[cgroup]") {
  const Tree tree{{"memory/", ""}};
  const auto manager = open_fake_host(tree, {"memory"});
  CHECK(manager->update("/a", {}).error().code() == Code::kNotFound);
  CHECK(manager->update("/../a", {}).error().code() == Code::kInvalidArgument);
  CHECK(manager->create("a", {}).error().code() == Code::kInvalidArgument);
  CHECK(manager->remove("/", milliseconds(0)).error().code() == Code::kInvalidArgument);
  CHECK(manager->kill("/").error().code() == Code::kInvalidArgument);
  CHECK_FALSE(manager->exists("/.."));
  CHECK(manager->children("/a/../..").empty());
}

TEST_CASE("a v2 memory limit below the working set is refused", "[cgroup]") {
  const Tree tree{{"unified/cgroup.controllers", "memory"},
                  {"unified/a/memory.current", "5000"},
                  {"unified/a/memory.stat", "inactive_file 1000\n"},
                  {"unified/a/memory.max", "max\n"}};
  const auto manager = open_fake_host(tree, {""});
  oci::Resources resources;
  resources.memory_limit = 3999;
  resources.memory_check_before_update = true;
  const auto refused = manager->update("/a", resources);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Code::kFailedPrecondition);
  CHECK(refused.error().to_string().find("4000 bytes") != std::string::npos);
  CHECK(tree.read("unified/a/memory.max") == "max\n");
  resources.memory_limit = 4000;
  CHECK(manager->update("/a", resources));
}

TEST_CASE("removal takes the whole subtree in every hierarchy and leaves parents alone", "[cgroup]") {
  const Tree tree{
      {"memory/p/a/x/y/", ""}, {"pids/p/a/", ""}, {"unified/cgroup.controllers", ""}, {"unified/p/", ""}};
  const auto manager = open_fake_host(tree, {"memory", "pids", ""});
  CHECK(manager->children("/p/a") == std::vector<std::string>{"x"});
  REQUIRE(manager->remove("/p/a", milliseconds(0)));
  CHECK_FALSE(manager->exists("/p/a"));
  CHECK(tree.has("memory/p"));
  REQUIRE(manager->remove("/p/a", milliseconds(0)));
  manager->remove_if_empty("/p");
  CHECK_FALSE(manager->exists("/p"));
}

TEST_CASE("a group that does not go away is named", "[cgroup]") {
  const Tree tree{{"memory/a/x/cgroup.procs", "1"}};
  const auto removed = open_fake_host(tree, {"memory"})->remove("/a", milliseconds(0));
  REQUIRE_FALSE(removed);
  CHECK(removed.error().code() == Code::kInternal);
  CHECK(removed.error().to_string().find("/a in " + tree.path("memory")) != std::string::npos);
}

TEST_CASE("joining needs one descriptor per hierarchy, however many controllers share it", "[cgroup]") {
  const Tree tree{{"cpu,cpuacct/a/tasks", ""},
                  {"memory/a/tasks", ""},
                  {"unified/cgroup.controllers", ""},
                  {"unified/a/", ""}};
  const auto hybrid = open_fake_host(tree, {"cpu,cpuacct", "memory", ""})->open_join("/a");
  REQUIRE(hybrid);
  CHECK(hybrid->tasks.size() == 2);
  CHECK(hybrid->v2);
  const auto v1 = open_fake_host(tree, {"memory"})->open_join("/a");
  REQUIRE(v1);
  CHECK_FALSE(v1->v2);
  CHECK_FALSE(open_fake_host(tree, {"memory"})->open_join("/b"));
}

TEST_CASE("leaves exist in the unified hierarchy only", "[cgroup]") {
  const Tree tree{{"memory/a/", ""}, {"unified/cgroup.controllers", ""}, {"unified/a/", ""}};
  CHECK(open_fake_host(tree, {"memory"})->create_leaf("/a", "exec-1").error().code() ==
        Code::kFailedPrecondition);
  const auto manager = open_fake_host(tree, {"memory", ""});
  CHECK(manager->create_leaf("/a", "..").error().code() == Code::kInvalidArgument);
  CHECK(manager->create_leaf("/a", "x/y").error().code() == Code::kInvalidArgument);
  CHECK(manager->create_leaf("/b", "x").error().code() == Code::kNotFound);
  REQUIRE(manager->create_leaf("/a", "exec-1"));
  CHECK(tree.has("unified/a/exec-1"));
  CHECK_FALSE(tree.has("memory/a/exec-1"));
  CHECK(manager->create_leaf("/a", "exec-1").error().code() == Code::kAlreadyExists);
  CHECK(manager->remove_leaf("/a", "exec-1"));
  CHECK(manager->remove_leaf("/a", "exec-1"));
  CHECK_FALSE(tree.has("unified/a/exec-1"));
}

TEST_CASE("the OOM counter is the memory controller's own file", "[cgroup]") {
  const Tree tree{{"memory/a/memory.oom_control", "oom_kill 0\n"},
                  {"unified/cgroup.controllers", "memory"},
                  {"unified/a/memory.events", "oom_kill 0\n"},
                  {"pids/a/", ""}};
  CHECK(open_fake_host(tree, {"memory"})->open_oom_counter("/a"));
  CHECK(open_fake_host(tree, {""})->open_oom_counter("/a"));
  CHECK(open_fake_host(tree, {"pids"})->open_oom_counter("/a").error().code() == Code::kFailedPrecondition);
}

TEST_CASE("killing and thawing what is not there is done already", "[cgroup]") {
  const Tree tree{{"freezer/", ""}, {"unified/cgroup.controllers", ""}};
  const auto manager = open_fake_host(tree, {"freezer", ""});
  CHECK(manager->kill("/a"));
  CHECK(manager->thaw("/a"));
  CHECK(manager->freeze("/a").error().code() == Code::kNotFound);
}

TEST_CASE("the unified hierarchy kills and freezes where the group is there", "[cgroup]") {
  const Tree tree{{"freezer/a/freezer.state", "FROZEN"},
                  {"unified/cgroup.controllers", ""},
                  {"unified/a/cgroup.kill", ""},
                  {"unified/a/cgroup.freeze", "0"},
                  {"unified/a/cgroup.events", "populated 1\nfrozen 1\n"}};
  const auto manager = open_fake_host(tree, {"freezer", ""});
  REQUIRE(manager->freeze("/a"));
  CHECK(tree.read("unified/a/cgroup.freeze") == "1");
  REQUIRE(manager->kill("/a"));
  CHECK(tree.read("unified/a/cgroup.kill") == "1");
  CHECK(tree.read("freezer/a/freezer.state") == "THAWED");  // or what v1 froze would not die
}
