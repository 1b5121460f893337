// SPDX-License-Identifier: Apache-2.0
#include <linux/mount.h>

#include <catch2/catch.hpp>

#include "runtime/mount_options.hpp"

namespace berth::runtime {
namespace {

constexpr std::uint64_t kAtime = MOUNT_ATTR__ATIME;
constexpr std::uint64_t kReadonly = MOUNT_ATTR_RDONLY;
constexpr std::uint64_t kNosuid = MOUNT_ATTR_NOSUID;

using Options = std::vector<std::string>;

MountOptions parsed(const Options& options, bool is_bind = false) {
  auto result = parse_mount_options(options, is_bind);
  REQUIRE(result);
  return *result;
}

struct Case {
  Options options;
  std::uint64_t set;
  std::uint64_t clear;
};

TEST_CASE("mount options set and clear attributes, later ones override earlier ones",
          "[runtime][mount-options]") {
  const Case cases[] = {
      {{}, 0, 0},
      {{"defaults"}, 0, 0},
      {{"ro"}, kReadonly, 0},
      {{"rw"}, 0, kReadonly},
      {{"ro", "rw"}, 0, kReadonly},
      {{"rw", "ro"}, kReadonly, 0},
      {{"ro", "defaults"}, kReadonly, 0},
      {{"nosuid", "nodev", "noexec"}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0},
      {{"suid", "dev", "exec"}, 0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC},
      {{"nosymfollow"}, MOUNT_ATTR_NOSYMFOLLOW, 0},
      {{"symfollow"}, 0, MOUNT_ATTR_NOSYMFOLLOW},
      {{"nodiratime"}, MOUNT_ATTR_NODIRATIME, 0},
      {{"diratime"}, 0, MOUNT_ATTR_NODIRATIME},
      {{"noatime"}, MOUNT_ATTR_NOATIME, kAtime},
      {{"strictatime"}, MOUNT_ATTR_STRICTATIME, kAtime},
      {{"relatime"}, 0, kAtime},
      {{"noatime", "strictatime"}, MOUNT_ATTR_STRICTATIME, kAtime},
      {{"strictatime", "atime"}, 0, kAtime},
      {{"noatime", "nodiratime"}, MOUNT_ATTR_NOATIME | MOUNT_ATTR_NODIRATIME, kAtime},
      {{"strictatime", "nostrictatime"}, 0, kAtime},
      {{"relatime", "norelatime"}, 0, kAtime},
  };
  for (const Case& item : cases) {
    std::string all;
    for (const std::string& option : item.options) all += option + ",";
    INFO(all);
    const MountOptions options = parsed(item.options);
    CHECK(options.set == item.set);
    CHECK(options.clear == item.clear);
    CHECK(options.recursive_set == 0);
    CHECK(options.data.empty());
  }
}

TEST_CASE("an r in front means the whole tree", "[runtime][mount-options]") {
  const Case cases[] = {
      {{"rro"}, kReadonly, 0},
      {{"rrw"}, 0, kReadonly},
      {{"rro", "rrw"}, 0, kReadonly},
      {{"rnosuid", "rnodev", "rnoexec"}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0},
      {{"rnoatime"}, MOUNT_ATTR_NOATIME, kAtime},
      {{"ratime"}, 0, kAtime},
      {{"rrelatime"}, 0, kAtime},
      {{"rnosymfollow"}, MOUNT_ATTR_NOSYMFOLLOW, 0},
  };
  for (const Case& item : cases) {
    INFO(item.options.front());
    const MountOptions options = parsed(item.options);
    CHECK(options.recursive_set == item.set);
    CHECK(options.recursive_clear == item.clear);
    CHECK(options.set == 0);
  }
}

TEST_CASE("the order decides between the tree and its top", "[runtime][mount-options]") {
  const MountOptions tree_last = parsed({"ro", "nosuid", "rrw"});
  CHECK(tree_last.set == kNosuid);
  CHECK(tree_last.recursive_clear == kReadonly);
  const MountOptions top_last = parsed({"rro", "rw"});
  CHECK(top_last.recursive_set == kReadonly);
  CHECK(top_last.clear == kReadonly);
}

TEST_CASE("propagation words are told apart from attributes", "[runtime][mount-options]") {
  struct Propagation {
    const char* word;
    std::uint64_t flag;
    bool recursive;
  };
  for (const Propagation& item :
       {Propagation{"shared", MS_SHARED, false}, Propagation{"rshared", MS_SHARED, true},
        Propagation{"slave", MS_SLAVE, false}, Propagation{"rslave", MS_SLAVE, true},
        Propagation{"private", MS_PRIVATE, false}, Propagation{"rprivate", MS_PRIVATE, true},
        Propagation{"unbindable", MS_UNBINDABLE, false}, Propagation{"runbindable", MS_UNBINDABLE, true}}) {
    INFO(item.word);
    const MountOptions options = parsed({item.word});
    CHECK(options.propagation == item.flag);
    CHECK(options.propagation_recursive == item.recursive);
  }
  CHECK(parsed({"rshared", "slave"}).propagation == MS_SLAVE);
  CHECK_FALSE(parsed({"rshared", "slave"}).propagation_recursive);
  CHECK(parsed({}).propagation == 0);
}

TEST_CASE("what has no meaning here is for the file system", "[runtime][mount-options]") {
  CHECK(parsed({"mode=755", "ro", "size=64k", "newinstance"}).data ==
        Options{"mode=755", "size=64k", "newinstance"});
  CHECK(parsed({"size=1k", "size=2k"}).data == Options{"size=2k"});
  CHECK(parsed({"sync", "dirsync"}).data == Options{"sync", "dirsync"});
  CHECK(parsed({"sync", "async"}).data.empty());
  CHECK(parsed({"lazytime", "nolazytime", "mand"}).data == Options{"mand"});
  CHECK(parsed({"iversion", "noiversion", "silent"}).data.empty());
}

TEST_CASE("a bind takes no data, and shares the properties of its file system", "[runtime][mount-options]") {
  CHECK(parsed({"bind"}).bind);
  CHECK_FALSE(parsed({"bind"}).recursive_bind);
  CHECK(parsed({"rbind"}).recursive_bind);
  CHECK(parsed({"ro"}, true).bind);
  CHECK(parsed({"bind", "sync", "async", "mand", "acl"}).data.empty());
  for (const Options& options :
       {Options{"bind", "size=1"}, Options{"size=1", "bind"}, Options{"rbind", "frobnicate"}}) {
    const auto result = parse_mount_options(options, false);
    REQUIRE_FALSE(result);
    CHECK(result.error().code() == Code::kInvalidArgument);
  }
}

TEST_CASE("what is more than attributes is told apart", "[runtime][mount-options]") {
  CHECK(parsed({"idmap", "bind"}).id_mapped);
  CHECK_FALSE(parsed({"ridmap", "idmap"}).id_mapped_tree);
  CHECK(parsed({"rbind", "ridmap"}).id_mapped_tree);
  CHECK(parsed({"tmpcopyup"}).copy_up);
  CHECK(parsed({"tmpcopyup"}).data.empty());
  CHECK_FALSE(parsed({"src-nofollow"}, true).follow_source);
  CHECK_FALSE(parsed({"dest-nofollow"}, true).follow_destination);
  CHECK(parsed({}).follow_source);
}

TEST_CASE("options that need machinery we do not have are refused by name", "[runtime][mount-options]") {
  for (const char* word : {"idmap=uids=0-1-2", "ridmap=gids=0-1-2", "copy-symlink"}) {
    INFO(word);
    const auto result = parse_mount_options({word}, false);
    REQUIRE_FALSE(result);
    CHECK_THAT(result.error().to_string(), Catch::Contains(word));
  }
  CHECK_FALSE(parse_mount_options({"remount", "size=5"}, false));
  CHECK_FALSE(parse_mount_options({std::string("a\0b", 3)}, false));
}

TEST_CASE("attributes are shown in words", "[runtime][mount-options]") {
  CHECK(format_mount_attributes(0) == "-");
  CHECK(format_mount_attributes(kReadonly | kNosuid | MOUNT_ATTR_NOATIME) == "ro,nosuid,noatime");
}

}  // namespace
}  // namespace berth::runtime
