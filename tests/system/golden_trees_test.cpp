// SPDX-License-Identifier: Apache-2.0
// The tree that a container sees against the one that umoci, an implementation of its own, unpacks.
#include <algorithm>
#include <iostream>
#include <set>
#include <sstream>

#include "image/snapshotter.hpp"
#include "pull_node.hpp"
#include "tar_builder.hpp"

namespace berth::image {
namespace {

using berth::testing::tar_of;
using berth::testing::TarMember;
using berth::testing::Tree;
using Members = std::vector<TarMember>;

/// One of everything that images really hold.
Members bottom() {
  const std::string capability("\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  return {
      {.name = "./", .type = '5', .mode = 0755, .mtime = 1600000000},
      {.name = "usr/", .type = '5', .mode = 0755, .mtime = 1600000001},
      {.name = "usr/bin/", .type = '5', .mode = 0755, .mtime = 1600000002},
      {.name = "usr/bin/tool", .data = std::string(300'000, 't'), .mode = 0755},
      {.name = "usr/bin/same", .type = '1', .link = "usr/bin/tool", .mode = 0755},
      {.name = "usr/bin/su", .data = "su", .mode = 04755},
      {.name = "usr/bin/ping",
       .data = "p",
       .mode = 0755,
       .pax = {{"SCHILY.xattr.security.capability", capability}}},
      {.name = "bin", .type = '2', .link = "usr/bin", .mode = 0777},
      {.name = "dangling", .type = '2', .link = "/nowhere/at/all", .mode = 0777},
      {.name = "tmp", .type = '5', .mode = 01777},
      {.name = "var/", .type = '5', .mode = 0755},
      {.name = "var/mail", .type = '5', .mode = 02775, .gid = 8},
      {.name = "var/mail/closed", .type = '5', .mode = 0},
      {.name = "var/mail/closed/letter", .data = "dear", .mode = 0600, .uid = 1000, .gid = 1000},
      {.name = "var/empty", .mode = 0},
      {.name = "var/owner", .data = "far", .uid = 65534, .pax = {{"uid", "3000000000"}, {"gid", "2097152"}}},
      {.name = "var/old", .data = "1969", .pax = {{"mtime", "-1"}}},
      {.name = "var/precise", .data = "ns", .pax = {{"mtime", "1600000000.123456789"}}},
      {.name = "var/attributes",
       .data = "a",
       .pax = {{"SCHILY.xattr.user.one", "1"}, {"SCHILY.xattr.user.two", std::string("\0\xff", 2)}}},
      {.name = "var/attributed", .type = '5', .mode = 0755, .pax = {{"SCHILY.xattr.user.one", "1"}}},
      {.name = "var/\xff\xfe", .data = "not UTF-8"},
      {.name = "p", .type = '5', .mode = 0755, .pax = {{"path", "var/" + std::string(200, 'n')}}},
      {.name = "p",
       .data = "long",
       .pax = {{"path", "var/" + std::string(200, 'n') + "/" + std::string(255, 'm')}}},
      {.name = "dev/", .type = '5', .mode = 0755},
      {.name = "dev/null", .type = '3', .mode = 0666, .major = 1, .minor = 3},
      {.name = "dev/sda", .type = '4', .mode = 0660, .gid = 6, .major = 8},
      {.name = "dev/pipe", .type = '6', .mode = 0600},
      {.name = "etc/", .type = '5', .mode = 0755},
      {.name = "etc/a", .data = "a"},
      {.name = "etc/b", .data = "b"},
      {.name = "etc/conf", .type = '5', .mode = 0700, .mtime = 1500000000},
      {.name = "etc/conf/x", .data = "x"},
      {.name = "etc/conf/y", .data = "y"},
      {.name = "opt/", .type = '5', .mode = 0750, .uid = 5, .mtime = 1400000000},
      {.name = "opt/kept", .data = "kept"},
  };
}

Members middle() {
  return {
      {.name = "etc/", .type = '5', .mode = 0755, .mtime = 1600001000},
      {.name = "etc/.wh.a"},
      {.name = "etc/b", .type = '5', .mode = 0755},
      {.name = "etc/b/inside", .data = "a directory now"},
      {.name = "etc/conf/", .type = '5', .mode = 0711, .mtime = 1600001001},
      {.name = "etc/conf/.wh..wh..opq"},
      {.name = "etc/conf/z", .data = "z"},
      {.name = "var/", .type = '5', .mode = 0755, .mtime = 1600001002},
      {.name = "var/mail", .data = "a file now"},
      {.name = "tmp/", .type = '5', .mode = 01777, .mtime = 1600001003},
      {.name = "tmp/.wh.nothing"},
  };
}

Members top() {
  return {
      {.name = "usr/bin/third", .type = '1', .link = "usr/bin/su", .mode = 0755},
      {.name = "opt/added", .data = "its directory is not listed here", .uid = 7},
      {.name = "etc/a", .data = "back again"},
      {.name = "etc/conf/x", .data = "x again"},
  };
}

std::string described(const std::string& root) {
  return output_of({"python3", TEST_SUPPORT "/describe_tree.py", root});
}

/// Lines that only one of the two has.
std::string difference(const std::string& ours, const std::string& theirs) {
  std::set<std::string> lines[2];
  for (int side : {0, 1}) {
    std::istringstream text(side == 0 ? ours : theirs);
    for (std::string line; std::getline(text, line);) lines[side].insert(line);
  }
  std::string found;
  for (const std::string& line : lines[0]) found += lines[1].contains(line) ? "" : "ours:   " + line + "\n";
  for (const std::string& line : lines[1]) found += lines[0].contains(line) ? "" : "theirs: " + line + "\n";
  return found;
}

}  // namespace

TEST_CASE("a container sees the tree that umoci unpacks") {
  if (!exists("/usr/bin/umoci")) {
    std::cout << "SKIP: no /usr/bin/umoci (apt-get install umoci)\n";
    return;
  }
  const Tree files{{"1.tar", tar_of(bottom())}, {"2.tar", tar_of(middle())}, {"3.tar", tar_of(top())}};
  for (const char* compress : {"gzip", "none"}) {
    INFO(compress);
    const std::string layout = files.path(compress);
    output_of({"python3", TEST_SUPPORT "/push_image.py", "--tar", files.path("1.tar"), "--tar",
               files.path("2.tar"), "--tar", files.path("3.tar"), "--name", "golden", "--tag", "1",
               "--compress", compress, "--out-oci-layout", layout});
    // What umoci calls a tag is no whole name.
    output_of({"sed", "-i", "s/golden:1/golden/", layout + "/index.json"});
    output_of({"umoci", "raw", "unpack", "--image", layout + ":golden", layout + "-tree"});

    const Node node("");
    const auto images = node.puller->import(layout, "golden:1", "", {});
    REQUIRE(images);
    auto snapshots = Snapshotter::open(node.files.path("snapshots"), *node.store);
    REQUIRE(snapshots);
    const auto mount = (*snapshots)->prepare("container", *images->at(0));
    REQUIRE(mount);
    const std::string ours =
        described("/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(mount->get()));
    CHECK(difference(ours, described(layout + "-tree")) == "");
    CHECK(std::count(ours.begin(), ours.end(), '\n') > 35);
  }
}

}  // namespace berth::image
