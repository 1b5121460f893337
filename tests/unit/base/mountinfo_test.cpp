// SPDX-License-Identifier: Apache-2.0
#include "base/mountinfo.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

using namespace berth;

namespace {
MountEntry only_entry(std::string_view line) {
  const Result<std::vector<MountEntry>> entries = parse_mountinfo(line);
  REQUIRE(entries);
  REQUIRE(entries->size() == 1);
  return entries->front();
}
}  // namespace

TEST_CASE("a line of mountinfo is taken apart", "[base][mountinfo]") {
  const MountEntry entry =
      only_entry("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue\n");
  CHECK(entry.id == 36);
  CHECK(entry.parent == 35);
  CHECK(entry.root == "/mnt1");
  CHECK(entry.mount_point == "/mnt2");
  CHECK(entry.options == "rw,noatime");
  CHECK(entry.optional_fields == std::vector<std::string>{"master:1", "shared:7"});
  CHECK(entry.filesystem == "ext3");
  CHECK(entry.source == "/dev/root");
  CHECK(entry.super_options == "rw,errors=continue");
}

TEST_CASE("octal escapes are undone once and only when complete", "[base][mountinfo]") {
  const MountEntry entry = only_entry(R"(1 0 0:1 / /a\040b\011c\012d\134040\043 rw - tmpfs a\04 rw)");
  CHECK(entry.mount_point == "/a b\tc\nd\\040#");
  CHECK(entry.source == "a\\04");
  CHECK(only_entry(R"(1 0 0:1 / /\400\ rw - t s \303\251)").mount_point == "/\\400\\");
  CHECK(only_entry(R"(1 0 0:1 / / rw - t s \303\251)").super_options == "é");
}

TEST_CASE("an empty source and blanks in the last field do not shift fields", "[base][mountinfo]") {
  const MountEntry entry = only_entry("1 0 0:1 / /x rw - tmpfs  rw,opt=a b");
  CHECK(entry.optional_fields.empty());
  CHECK(entry.filesystem == "tmpfs");
  CHECK(entry.source.empty());
  CHECK(entry.super_options == "rw,opt=a b");
}

TEST_CASE("a mount point named like the separator is still a mount point", "[base][mountinfo]") {
  CHECK(only_entry("1 0 0:1 / - rw - tmpfs - rw").mount_point == "-");
}

TEST_CASE("malformed lines are errors that count from one", "[base][mountinfo]") {
  for (const char* line : {"x", "\n", "1", "1 0 0:1 / /x rw shared:1", "1 0 0:1 / /x rw - tmpfs none",
                           "-1 0 0:1 / /x rw - t s o", "1x 0 0:1 / /x rw - t s o",
                           "99999999999999999999999 0 0:1 / /x rw - t s o"}) {
    CAPTURE(line);
    CHECK(parse_mountinfo(line).error().to_string() == "line 1 of mountinfo is malformed");
  }
  CHECK(parse_mountinfo("1 0 0:1 / / rw - t s o\nbad").error().to_string() ==
        "line 2 of mountinfo is malformed");
  CHECK(parse_mountinfo("")->empty());
}

TEST_CASE("the mounts of this process include its root and proc", "[base][mountinfo]") {
  const Result<std::vector<MountEntry>> entries = read_mountinfo();
  REQUIRE(entries);
  const auto mounted = [&](std::string_view point) {
    return std::any_of(entries->begin(), entries->end(),
                       [&](const MountEntry& e) { return e.mount_point == point; });
  };
  CHECK(mounted("/"));
  CHECK(mounted("/proc"));
}

TEST_CASE("a mount is hidden by what came later on it or above it, not by what it stands on",
          "[base][mountinfo]") {
  const auto all = parse_mountinfo(
      "1 1 0:1 / / rw - ext4 root rw\n"
      "2 1 0:2 / /sys rw - sysfs sysfs rw\n"
      "3 2 0:3 / /sys/fs/cgroup rw - tmpfs first rw\n"
      "4 3 0:4 / /sys/fs/cgroup/memory rw - cgroup under rw,memory\n"
      "5 3 0:5 / /sys/fs/cgroup rw - tmpfs second rw\n"
      "6 5 0:4 / /sys/fs/cgroup/memory rw - cgroup seen rw,memory\n"
      "7 2 0:6 / /sys/fs/cg rw - tmpfs alike rw\n");
  REQUIRE(all);
  std::string hidden;
  for (const MountEntry& mount : *all) {
    if (is_hidden(mount, *all)) hidden += mount.source + " ";
  }
  CHECK(hidden == "first under ");
}
