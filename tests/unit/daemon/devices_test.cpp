// SPDX-License-Identifier: Apache-2.0
#include "daemon/spec/devices.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

#include "messages.hpp"
#include "tree.hpp"

using namespace berth;
using namespace berth::daemon;
using namespace berth::daemon::testing;
using berth::testing::Tree;

namespace {

Result<ContainerDevices> make(const std::string& config) {
  return container_devices(proto<cri::ContainerConfig>(config));
}

/// The last match wins, as for the kernel.
bool may(const ContainerDevices& devices, char type, std::int64_t major, std::int64_t minor, char access) {
  bool allowed = false;
  for (const auto& rule : devices.rules) {
    if (rule.type != 'a' && rule.type != type) continue;
    if ((rule.major && *rule.major != major) || (rule.minor && *rule.minor != minor)) continue;
    if (rule.access.find(access) != std::string::npos) allowed = rule.allow;
  }
  return allowed;
}

}  // namespace

TEST_CASE("A container may open its own devices, make any node, and open no other") {
  const auto devices = make("");
  REQUIRE(devices);
  CHECK(devices->nodes.empty());
  CHECK(may(*devices, 'c', 1, 3, 'w'));    // null
  CHECK(may(*devices, 'c', 5, 2, 'r'));    // ptmx
  CHECK(may(*devices, 'c', 136, 7, 'w'));  // a terminal
  CHECK(may(*devices, 'b', 8, 0, 'm'));
  CHECK_FALSE(may(*devices, 'b', 8, 0, 'r'));  // a disk
  CHECK_FALSE(may(*devices, 'c', 1, 1, 'r'));  // mem
  CHECK_FALSE(may(*devices, 'c', 10, 200, 'w'));
  CHECK_FALSE(may(*devices, 'c', 4, 1, 'w'));  // the host's console
}

TEST_CASE("A device keeps its numbers under another name, with just the access that was asked for") {
  const auto devices =
      make("devices { host_path: '/dev/full' container_path: '/dev/mine' permissions: 'r' }");
  REQUIRE(devices);
  REQUIRE(devices->nodes.size() == 1);
  const auto& node = devices->nodes[0];
  CHECK(node.path == "/dev/mine");
  CHECK(node.type == 'c');
  CHECK(node.major == 1);
  CHECK(node.minor == 7);
  REQUIRE(node.file_mode);
  CHECK((*node.file_mode & ~07777U) == 0);
  CHECK(devices->rules.back().access == "r");
  CHECK(make("devices { host_path: '/dev/full' }")->rules.back().access == "rwm");
  CHECK(make("devices { host_path: '/dev/full' }")->nodes[0].path == "/dev/full");
}

TEST_CASE("What is missing or no device is refused by name; a directory without devices is an empty wish") {
  const Tree tree{{"file", ""}, {"dir/sub/", ""}, {"dir/plain", ""}};
  auto ask = [&](const std::string& name) {
    return make("devices { host_path: '" + tree.path(name) + "' }");
  };
  CHECK(refusal(ask("missing")) == "devices.host_path \"" + tree.path("missing") + "\" does not exist");
  CHECK(has_code(ask("missing"), Code::kInvalidArgument));
  CHECK(has_code(ask("file/below"), Code::kInvalidArgument));
  CHECK(refusal(ask("file")) ==
        "devices.host_path \"" + tree.path("file") + "\" is neither a device nor a directory");
  REQUIRE(::symlink(tree.root().c_str(), tree.path("dir/up").c_str()) == 0);  // would never end
  const auto devices = ask("dir");
  REQUIRE(devices);
  CHECK(devices->nodes.empty());
}

TEST_CASE("A link to a device is that device") {
  const Tree tree;
  REQUIRE(::symlink("/dev/zero", tree.path("link").c_str()) == 0);
  const auto devices = make("devices { host_path: '" + tree.path("link") + "' container_path: '/dev/z' }");
  REQUIRE(devices);
  REQUIRE(devices->nodes.size() == 1);
  CHECK(devices->nodes[0].minor == 5);
}

TEST_CASE("A privileged container gets the host's devices, each once, and no restriction") {
  const auto devices =
      make("linux { security_context { privileged: true } } devices { host_path: '/dev/null' }");
  REQUIRE(devices);
  std::set<std::string> paths;
  for (const auto& node : devices->nodes) {
    INFO(node.path);
    CHECK(paths.insert(node.path).second);
    CHECK_FALSE(node.path.starts_with("/dev/pts/"));
    CHECK_FALSE(node.path.starts_with("/dev/shm/"));
  }
  CHECK(paths.contains("/dev/null"));
  CHECK_FALSE(paths.contains("/dev/console"));
  CHECK(may(*devices, 'b', 8, 0, 'w'));
}

TEST_CASE("Of two devices with one path the later one is made") {
  const auto devices = make(
      "devices { host_path: '/dev/zero' container_path: '/dev/x' } devices { host_path: '/dev/full' "
      "container_path: '/dev/x' }");
  REQUIRE(devices);
  REQUIRE(devices->nodes.size() == 1);
  CHECK(devices->nodes[0].minor == 7);
}
