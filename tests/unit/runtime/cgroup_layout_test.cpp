// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "cgroup_fixture.hpp"
#include "runtime/cgroup/group_path.hpp"
#include "runtime/cgroup/hierarchies.hpp"

using namespace berth;
using namespace berth::runtime::cgroup;
using berth::testing::fake_host;
using berth::testing::open_fake_host;
using berth::testing::Tree;

TEST_CASE("malformed lines of /proc/self/cgroup are refused", "[cgroup]") {
  for (const char* text : {"garbage", "1:cpu", "1:cpu:relative", "::", "\n", "0::"}) {
    INFO(text);
    CHECK_FALSE(parse_self_cgroup(text));
  }
}

TEST_CASE("a line of /proc/self/cgroup gives its controllers and its path, colons included", "[cgroup]") {
  const auto lines = parse_self_cgroup("7:cpu,cpuacct:/a:b\n1:name=systemd:/\n0::/init.scope");
  REQUIRE(lines);
  REQUIRE(lines->size() == 3);
  CHECK((*lines)[0].controllers == std::vector<std::string>{"cpu", "cpuacct"});
  CHECK((*lines)[0].path == "/a:b");
  CHECK((*lines)[1].controllers == std::vector<std::string>{"name=systemd"});
  CHECK((*lines)[2].controllers.empty());
}

TEST_CASE("paths that could leave a hierarchy are refused", "[cgroup]") {
  for (const char* path :
       {"", "/", "a", "a/b", "/a/../b", "/..", "/a/.", "//a", "/a//b", "/a/", "/a\nb", "/a/b\x7f"}) {
    INFO(path);
    const auto checked = check_group_path(path);
    REQUIRE_FALSE(checked);
    CHECK(checked.error().code() == Code::kInvalidArgument);
  }
  CHECK_FALSE(check_group_path("/" + std::string(256, 'x')));
  CHECK_FALSE(check_group_path("/" + std::string(255, 'x') + std::string(2000, 'y').replace(0, 0, "/")));
  CHECK_FALSE(check_group_path(std::string("/a\0b", 4)));
  CHECK(check_group_path("/kubepods/burstable/pod..1/berth-0"));
  CHECK(check_group_path("/system.slice/berth-0.scope"));
}

TEST_CASE("names below a root are relative", "[cgroup]") {
  CHECK(below_root("/") == ".");
  CHECK(below_root("/", "cgroup.procs") == "cgroup.procs");
  CHECK(below_root("/a/b", "cpu.max") == "a/b/cpu.max");
  CHECK(parent_of("/a") == "/");
  CHECK(parent_of("/a/b") == "/a");
}

TEST_CASE("a host without cgroups is told so", "[cgroup]") {
  const Tree tree;
  const auto manager = Manager::open(fake_host(tree, {}));
  REQUIRE_FALSE(manager);
  CHECK(manager.error().code() == Code::kFailedPrecondition);
}

TEST_CASE("each controller is found where it is mounted on a hybrid host", "[cgroup]") {
  const Tree tree{{"cpu,cpuacct/", ""},
                  {"memory/", ""},
                  {"net_cls/", ""},
                  {"name=systemd/", ""},
                  {"unified/cgroup.controllers", "hugetlb rdma\n"}};
  const auto manager = open_fake_host(tree, {"cpu,cpuacct", "memory", "net_cls", "name=systemd", ""});
  CHECK_FALSE(manager->is_unified());
  CHECK(manager->has_controller("cpuacct"));
  CHECK(manager->has_controller("hugetlb"));
  CHECK_FALSE(manager->has_controller("pids"));
  CHECK(manager->has_controller("net_cls"));
  const std::string text = manager->describe();
  CHECK(text.rfind("hybrid\n", 0) == 0);
  CHECK(text.find("memory: v1 at " + tree.path("memory")) != std::string::npos);
  CHECK(text.find("hugetlb: v2 at " + tree.path("unified")) != std::string::npos);
  const auto list = manager->hierarchies();
  REQUIRE(list.size() == 5);
  CHECK(list[0].controllers == std::vector<std::string>{"cpu", "cpuacct"});
  CHECK(list[4].v2);
  CHECK(list[4].controllers.empty());
}

TEST_CASE("pure hosts are told apart", "[cgroup]") {
  const Tree tree{{"memory/", ""}, {"unified/cgroup.controllers", "cpu io memory pids\n"}};
  CHECK(open_fake_host(tree, {""})->is_unified());
  CHECK(open_fake_host(tree, {""})->describe().rfind("v2\n", 0) == 0);
  CHECK(open_fake_host(tree, {"memory"})->describe() == "v1\nmemory: v1 at " + tree.path("memory"));
}

TEST_CASE("of two mounts of one hierarchy the one of its root is used", "[cgroup]") {
  const Tree tree{{"part/", ""}, {"whole/", ""}};
  tree.write("mountinfo", cat("1 0 0:9 /docker/x ", tree.path("part"), " rw - cgroup cgroup rw,memory\n",
                              "2 0 0:9 / ", tree.path("whole"), " rw - cgroup cgroup rw,memory\n"));
  tree.write("self", "4:memory:/\n");
  const auto manager = Manager::open({tree.path("mountinfo"), tree.path("self")});
  REQUIRE(manager);
  REQUIRE((*manager)->hierarchies().size() == 1);
  CHECK((*manager)->hierarchies()[0].mount_point == tree.path("whole"));
}

TEST_CASE("mount options that are not controllers are not taken for any", "[cgroup]") {
  const Tree tree{{"memory/", ""}};
  tree.write("mountinfo",
             cat("1 0 0:9 / ", tree.path("memory"), " rw - cgroup cgroup rw,xattr,memory,pids\n"));
  tree.write("self", "4:memory:/\n");  // the kernel does not know "pids" here
  const auto manager = Manager::open({tree.path("mountinfo"), tree.path("self")});
  REQUIRE(manager);
  CHECK((*manager)->has_controller("memory"));
  CHECK_FALSE((*manager)->has_controller("pids"));
}

TEST_CASE("a hierarchy that another mount hides is not there", "[cgroup]") {
  const Tree tree{{"memory/cgroup.procs", ""}, {"pids/cgroup.procs", ""}};
  const auto options = fake_host(tree, {"memory", "pids"});
  const std::string mounts = *read_file(options.mount_info_path, 4096);
  tree.write("mountinfo", mounts + "50 22 0:50 / " + tree.path("memory") + " rw - tmpfs over rw\n");
  const auto layout = detect_layout(options);
  REQUIRE(layout);
  CHECK(layout->find("memory") == nullptr);
  CHECK(layout->find("pids") != nullptr);
}
