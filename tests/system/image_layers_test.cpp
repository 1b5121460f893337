// SPDX-License-Identifier: Apache-2.0
// What the layer worker makes of tars, hostile ones first.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <zlib.h>

#include <catch2/catch.hpp>

#include "image_layers_fixture.hpp"
#include "tar_builder.hpp"

namespace berth::image {
namespace {

using testing::tar_of;
using testing::TarMember;
using Members = std::vector<TarMember>;

TarMember file(const std::string& name, const std::string& data = "x") {
  return {.name = name, .data = data};
}
TarMember dir(const std::string& name, unsigned mode = 0755) {
  return {.name = name, .type = '5', .mode = mode};
}
TarMember symlink(const std::string& name, const std::string& to) {
  return {.name = name, .type = '2', .link = to, .mode = 0777};
}
TarMember hardlink(const std::string& name, const std::string& to) {
  return {.name = name, .type = '1', .link = to};
}

struct Case {
  const char* about;
  Members members;
  std::string expected;  ///< the tree, or "error: " and a part of the message
};

void check_cases(const std::vector<Case>& cases, const std::vector<Members>& below = {},
                 bool complete = true) {
  if (!enter_test_node()) return;
  for (const Case& one : cases) {
    INFO(one.about);
    const LayerBench bench;
    std::vector<std::string> lowers;
    for (const Members& members : below) {
      const std::string name = cat("lower", lowers.size());
      const auto unpacked = bench.unpack(name, tar_of(members), lowers);
      REQUIRE(unpacked);
      lowers.insert(lowers.begin(), name);
    }
    const auto applied =
        bench.unpack("layer", tar_of(one.members), complete ? lowers : std::vector<std::string>(), complete);
    if (one.expected.starts_with("error: ")) {
      REQUIRE_FALSE(applied);
      CHECK_THAT(applied.error().to_string(), Catch::Contains(one.expected.substr(7)));
    } else {
      INFO((applied ? "" : applied.error().to_string()));
      REQUIRE(applied);
      CHECK(describe_tree(bench.dir("layer")) == one.expected);
    }
    // Nothing but the layers has appeared.
    CHECK(list_dir(bench.root())->size() == lowers.size() + 1);
  }
}

const std::string kFile = " f 644 0:0 \"x\"\n";
const std::string kDir = " d 755 0:0\n";
const std::string kWhiteout = " c 0 0:0 0,0\n";

TEST_CASE("no entry leaves the layer", "[image][layer]") {
  check_cases({
      {"dotdot", {file("../x")}, "error: layer entry \"../x\": its name leaves the layer"},
      {"dotdot inside", {dir("a"), file("a/../../x")}, "error: its name leaves the layer"},
      {"absolute", {file("/etc/x")}, "etc" + kDir + "etc/x" + kFile},
      {"through an absolute link",
       {dir("t"), symlink("l", "/t"), file("l/x")},
       "l l 777 0:0 -> /t\nt" + kDir + "t/x" + kFile},
      {"through a link above the root",
       {symlink("l", "../../.."), file("l/x")},
       "l l 777 0:0 -> ../../..\nx" + kFile},
      {"link swapped for a directory",
       {dir("a"), file("a/f"), symlink("a", "/"), file("a/g")},
       "a l 777 0:0 -> /\ng" + kFile},
      {"a loop of links",
       {symlink("a", "b"), symlink("b", "a"), file("a/x")},
       "error: Too many levels of symbolic links"},
      {"hard link to dotdot", {hardlink("x", "../../etc/passwd")}, "error: its name leaves the layer"},
      {"hard link to the host by name",
       {hardlink("x", "/etc/passwd")},
       "error: which is no file of the image"},
      {"hard link through a link",
       {symlink("l", "/"), file("f"), hardlink("x", "l/f")},
       "f f 644 0:0 \"x\" links=2\nl l 777 0:0 -> /\nx f 644 0:0 \"x\" links=2\n"},
      {"symbolic links are data",
       {symlink("l", "../../../etc/shadow")},
       "l l 777 0:0 -> ../../../etc/shadow\n"},
      {"a file as the root", {{.name = ".", .data = "x"}}, "error: the layer's root is no directory"},
      {"a link as the root", {symlink(".", "x")}, "error: the layer's root is no directory"},
  });
}

TEST_CASE("the last entry of a name wins, whatever the two are", "[image][layer]") {
  check_cases({
      {"file twice", {file("a", "1"), file("a", "2")}, "a f 644 0:0 \"2\"\n"},
      {"file over link", {symlink("a", "/b"), file("a")}, "a" + kFile},
      {"link over file", {file("a"), symlink("a", "b")}, "a l 777 0:0 -> b\n"},
      {"file over a full directory", {dir("a"), dir("a/b"), file("a/b/c"), file("a")}, "a" + kFile},
      {"directory over file", {file("a"), dir("a"), file("a/b")}, "a" + kDir + "a/b" + kFile},
      {"file, directory, file", {file("a"), dir("a"), file("a/b"), file("a", "2")}, "a f 644 0:0 \"2\"\n"},
      {"directory twice merges", {dir("a"), file("a/b"), dir("a", 0700)}, "a d 700 0:0\na/b" + kFile},
      {"below a file", {file("a"), file("a/b")}, "error: Not a directory"},
      {"a replaced file keeps its other name",
       {file("a", "1"), hardlink("b", "a"), file("a", "2")},
       "a f 644 0:0 \"2\"\nb f 644 0:0 \"1\"\n"},
      {"hard link to itself", {file("a"), hardlink("a", "a")}, "a" + kFile},
      {"hard link over a file",
       {file("a"), file("b", "2"), hardlink("b", "a")},
       "a f 644 0:0 \"x\" links=2\nb f 644 0:0 \"x\" links=2\n"},
      {"hard link to a symbolic link",
       {symlink("a", "gone"), hardlink("b", "a")},
       "a l 777 0:0 -> gone\nb l 777 0:0 -> gone\n"},
      {"hard link to a directory", {dir("a"), hardlink("b", "a")}, "error: "},
      {"hard link to nothing", {hardlink("b", "a")}, "error: which is no file of the image"},
  });
}

TEST_CASE("owners, modes, devices and attributes are kept", "[image][layer]") {
  const std::string capability("\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  check_cases({
      {"set-ID bits survive the change of owner",
       {{.name = "s", .mode = 06755, .uid = 1, .gid = 2}},
       "s f 6755 1:2 \"\"\n"},
      {"sticky and set-group-ID directories",
       {dir("t", 01777), {.name = "g", .type = '5', .mode = 02775, .gid = 9}, file("g/f")},
       "g d 2775 0:9\ng/f" + kFile + "t d 1777 0:0\n"},
      {"a closed directory gets its files first", {dir("c", 0), file("c/f")}, "c d 0 0:0\nc/f" + kFile},
      {"devices and pipes",
       {{.name = "c", .type = '3', .mode = 0666, .major = 1, .minor = 3},
        {.name = "b", .type = '4', .mode = 0660, .gid = 6, .major = 8},
        {.name = "p", .type = '6', .mode = 0600}},
       "b b 660 0:6 8,0\nc c 666 0:0 1,3\np p 600 0:0\n"},
      {"device 0:0", {{.name = "c", .type = '3'}}, "error: would be a whiteout"},
      {"attributes",
       {{.name = "a", .pax = {{"SCHILY.xattr.user.k", "v"}}},
        {.name = "d", .type = '5', .mode = 0755, .pax = {{"SCHILY.xattr.user.k", "w"}}}},
       "a f 644 0:0 \"\" user.k=v\nd d 755 0:0 user.k=w\n"},
      {"capabilities survive the change of owner",
       {{.name = "a", .mode = 0755, .uid = 5, .pax = {{"SCHILY.xattr.security.capability", capability}}}},
       "a f 755 5:0 \"\" security.capability=20\n"},
      {"labels of another machine are dropped",
       {{.name = "a", .pax = {{"SCHILY.xattr.security.selinux", "system_u"}}}},
       "a f 644 0:0 \"\"\n"},
      {"user attributes of a link are dropped",
       {{.name = "l", .type = '2', .link = "x", .mode = 0777, .pax = {{"SCHILY.xattr.user.k", "v"}}}},
       "l l 777 0:0 -> x\n"},
      {"attributes that steer the overlay",
       {{.name = "a", .type = '5', .pax = {{"SCHILY.xattr.trusted.overlay.opaque", "y"}}}},
       "error: belongs to the overlay"},
      {"the same by the other spelling",
       {{.name = "a", .pax = {{"LIBARCHIVE.xattr.user.overlay.redirect", "Lw=="}}}},
       "error: belongs to the overlay"},
      {"names that are not UTF-8", {file("\xff\xfe")}, "\xff\xfe" + kFile},
      {"a component too long for the file system",
       {{.name = "a", .pax = {{"path", std::string(256, 'n')}}}},
       "error: File name too long"},
      {"as long as it may be",
       {{.name = "a", .data = "x", .pax = {{"path", std::string(255, 'n')}}}},
       std::string(255, 'n') + kFile},
  });
}

TEST_CASE("whiteouts hide what is below, never what the layer brings", "[image][layer]") {
  const Members base = {dir("d", 0700),  file("d/f"), dir("d/sub"),
                        file("d/sub/g"), file("x"),   symlink("l", "d")};
  const std::string kOpaqueMark = " d 755 0:0 trusted.overlay.opaque=y\n";
  check_cases(
      {
          {"plain", {file(".wh.x")}, "x" + kWhiteout},
          {"after its name", {file("x", "new"), file(".wh.x")}, "x f 644 0:0 \"new\"\n"},
          {"before its name", {file(".wh.x"), file("x", "new")}, "x f 644 0:0 \"new\"\n"},
          {"twice", {file(".wh.x"), file(".wh.x")}, "x" + kWhiteout},
          {"before a directory of its name", {file(".wh.d"), dir("d")}, "d" + kOpaqueMark},
          {"after a directory of its name",
           {dir("d"), file("d/new"), file(".wh.d")},
           "d" + kOpaqueMark + "d/new" + kFile},
          {"before a directory that the tar does not list",
           {file(".wh.d"), file("d/new")},
           "d" + kOpaqueMark + "d/new" + kFile},
          {"whiteout, file, directory", {file(".wh.d"), file("d"), dir("d")}, "d" + kOpaqueMark},
          {"inside a directory that is not listed", {file("d/.wh.f")}, "d d 700 0:0\nd/f" + kWhiteout},
          {"inside one that is not anywhere", {file("no/where/.wh.f")}, ""},
          {"inside a whited out one",
           {file(".wh.d"), file("d/.wh.f"), file("d/.wh..wh..opq")},
           "d" + kWhiteout},
          {"inside a file", {file("x", "new"), file("x/.wh.y")}, "x f 644 0:0 \"new\"\n"},
          {"opaque first",
           {dir("d"), file("d/.wh..wh..opq"), file("d/new")},
           "d" + kOpaqueMark + "d/new" + kFile},
          {"opaque last",
           {dir("d"), file("d/new"), file("d/.wh..wh..opq")},
           "d" + kOpaqueMark + "d/new" + kFile},
          {"opaque before its directory", {file("d/.wh..wh..opq"), dir("d")}, "d" + kOpaqueMark},
          {"opaque without its directory", {file("d/sub/.wh..wh..opq")}, "d d 700 0:0\nd/sub" + kOpaqueMark},
          {"of nothing", {file(".wh.")}, "error: a whiteout of nothing"},
          {"of dotdot", {file("d/.wh...")}, "error: a whiteout of nothing"},
          {"as a directory", {file(".wh.d/x")}, "error: a whiteout is used as a directory"},
          {"aufs leftovers", {dir(".wh..wh.plnk"), file(".wh..wh.plnk/1.2"), file(".wh..wh.aufs")}, ""},
          {"hard link to what the layer removes",
           {file(".wh.x"), hardlink("y", "x")},
           "error: which the layer removes"},
          {"hard link below an opaque directory",
           {dir("d"), file("d/.wh..wh..opq"), hardlink("y", "d/f")},
           "error: which is no file of the image"},
      },
      {base});
}

TEST_CASE("what the tar leaves out comes from the layers below", "[image][layer]") {
  const Members bottom = {
      {.name = "usr", .type = '5', .mode = 0750, .uid = 3, .gid = 4, .pax = {{"SCHILY.xattr.user.k", "v"}}},
      dir("usr/lib"),
      {.name = "usr/lib/f", .data = "old", .mode = 04755, .uid = 7, .pax = {{"SCHILY.xattr.user.z", "1"}}},
      symlink("lib", "usr/lib"),
      dir("gone"),
      file("gone/f"),
      dir("opq"),
      file("opq/f"),
      {.name = "null", .type = '3', .major = 1, .minor = 3}};
  const Members middle = {file(".wh.gone"), dir("opq"), file("opq/.wh..wh..opq")};
  const std::string usr = "usr d 750 3:4 user.k=v\n";
  const std::vector<Case> cases = {
      {"a parent", {file("usr/new")}, usr + "usr/new" + kFile},
      {"parents through a link below", {file("lib/new")}, usr + "usr/lib" + kDir + "usr/lib/new" + kFile},
      {"a parent that is not below either", {file("opt/new")}, "opt" + kDir + "opt/new" + kFile},
      {"a parent that the layer between removes", {file("gone/new")}, "gone" + kDir + "gone/new" + kFile},
      {"a parent that is a file below", {file("null/new")}, "error: Not a directory"},
      {"a hard link's target",
       {hardlink("h", "usr/lib/f")},
       "h f 4755 7:0 \"old\" links=2 user.z=1\n" + usr + "usr/lib" + kDir +
           "usr/lib/f f 4755 7:0 \"old\" links=2 user.z=1\n"},
      {"a hard link's target through a link",
       {hardlink("h", "lib/f")},
       "h f 4755 7:0 \"old\" links=2 user.z=1\n" + usr + "usr/lib" + kDir +
           "usr/lib/f f 4755 7:0 \"old\" links=2 user.z=1\n"},
      {"a hard link to a link below",
       {hardlink("h", "lib")},
       "h l 777 0:0 -> usr/lib\nlib l 777 0:0 -> usr/lib\n"},
      {"a hard link to a device below", {hardlink("h", "null")}, "h c 644 0:0 1,3\nnull c 644 0:0 1,3\n"},
      {"a hard link to what the layer between removes",
       {hardlink("h", "gone/f")},
       "error: which is no file of the image"},
      {"a hard link to what the layer between hides",
       {hardlink("h", "opq/f")},
       "error: which is no file of the image"},
  };
  check_cases(cases, {bottom, middle});
  check_cases({{"a parent", {file("usr/new")}, "error: needs a lower layer"},
               {"a hard link", {hardlink("h", "usr/lib/f")}, "error: needs a lower layer"},
               {"a whiteout in a missing parent", {file("usr/.wh.lib")}, "error: needs a lower layer"},
               {"nothing missing",
                {dir("usr"), file("usr/new"), file(".wh.gone")},
                "gone" + kWhiteout + "usr" + kDir + "usr/new" + kFile}},
              {}, false);
}

TEST_CASE("times are kept, of directories too, before 1970 and beyond any clock", "[image][layer]") {
  if (!enter_test_node()) return;
  const LayerBench bench;
  REQUIRE(bench.unpack("l", tar_of({{.name = "d", .type = '5', .mode = 0755, .mtime = 5},
                                    file("d/f"),
                                    symlink("d/l", "f"),
                                    {.name = "old", .pax = {{"mtime", "-1.5"}}},
                                    {.name = "far", .pax = {{"mtime", "99999999999999999"}}},
                                    file("d/late")})));
  const auto mtime = [&](const char* name) {
    struct stat status {};
    REQUIRE(::lstat(bench.dir(cat("l/", std::string_view(name))).c_str(), &status) == 0);
    return std::pair<long, long>(status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  };
  CHECK(mtime("d") == std::pair(5L, 0L));
  CHECK(mtime("d/f").first == 1000000000);
  CHECK(mtime("d/l").first == 1000000000);
  CHECK(mtime("old") == std::pair(-2L, 500000000L));
}

TEST_CASE("the root takes what the tar says of it, and says when the tar did not", "[image][layer]") {
  if (!enter_test_node()) return;
  const LayerBench bench;
  REQUIRE(bench.unpack("base", tar_of({{.name = "./", .type = '5', .mode = 0555, .uid = 4}, file("a")})));
  struct stat status {};
  REQUIRE(::stat(bench.dir("base").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0555);
  CHECK(status.st_uid == 4);
  char mark = 0;
  CHECK(::getxattr(bench.dir("base").c_str(), "trusted.overlay.berth.implied_root", &mark, 1) < 0);
  REQUIRE(bench.unpack("over", tar_of({file("b")}), {"base"}));
  CHECK(::getxattr(bench.dir("over").c_str(), "trusted.overlay.berth.implied_root", &mark, 1) == 1);
}

TEST_CASE("two thousand directories deep is as good as one", "[image][layer]") {
  if (!enter_test_node()) return;
  const LayerBench bench;
  std::string path;
  Members members;
  for (int depth = 0; depth < 2000; ++depth) {
    path += "d/";
    members.push_back({.name = "p", .type = '5', .mode = 0755, .pax = {{"path", path}}});
  }
  const auto applied = bench.unpack("l", tar_of(members));
  INFO((applied ? "" : applied.error().to_string()));
  REQUIRE(applied);
  CHECK(applied->inodes == 2000);
  members.push_back(file("d", "replaces them all"));
  REQUIRE(bench.unpack("m", tar_of(members)));
  CHECK(describe_tree(bench.dir("m")) == "d f 644 0:0 \"replaces them all\"\n");
}

TEST_CASE("limits on bytes and entries are kept, by compressed bombs too", "[image][layer]") {
  if (!enter_test_node()) return;
  const LayerBench bench;
  const auto many = bench.unpack("many", tar_of({file("a"), file("b"), file("c")}), {}, true, 0, 2);
  REQUIRE_FALSE(many);
  CHECK(many.error().code() == Code::kResourceExhausted);
  const std::string plain = tar_of({file("zeros", std::string(20 << 20, '\0'))});
  std::string bomb(compressBound(plain.size()) + 64, '\0');
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(bomb.data());
  stream.avail_out = static_cast<uInt>(bomb.size());
  deflate(&stream, Z_FINISH);
  bomb.resize(stream.total_out);
  deflateEnd(&stream);
  const auto large = bench.unpack("large", bomb, {}, true, 1 << 20);
  REQUIRE_FALSE(large);
  CHECK(large.error().code() == Code::kResourceExhausted);
  CHECK_THAT(large.error().to_string(), Catch::Contains("layer entry \"zeros\"") &&
                                            Catch::Contains("expands to more than 1048576 bytes"));
  const auto whole = bench.unpack("whole", bomb);
  REQUIRE(whole);
  CHECK(whole->diff_id == sha256(plain));
  CHECK(whole->size == 20 << 20);
}

TEST_CASE("a full file system is told as what it is", "[image][layer]") {
  if (!enter_test_node()) return;
  const LayerBench bench;
  REQUIRE(make_dirs(bench.dir("small"), 0755));
  REQUIRE(::mount("tmpfs", bench.dir("small").c_str(), "tmpfs", 0, "size=64k") == 0);
  const auto full = bench.unpack("small", tar_of({file("big", std::string(1 << 20, 'x'))}));
  CHECK(::umount2(bench.dir("small").c_str(), MNT_DETACH) == 0);
  REQUIRE_FALSE(full);
  CHECK(full.error().code() == Code::kResourceExhausted);
  CHECK_THAT(full.error().to_string(),
             Catch::Contains("layer entry \"big\"") && Catch::Contains("No space left"));
}

TEST_CASE("a small file's error is told by its name, however many files come after it", "[image][layer]") {
  if (!enter_test_node()) return;
  for (const int after : {0, 500}) {
    const LayerBench bench;
    Members members = {{.name = "bad", .pax = {{"SCHILY.xattr.security.capability", "no capability"}}}};
    for (int at = 0; at < after; ++at) members.push_back(file("f" + std::to_string(at)));
    const auto applied = bench.unpack("l", tar_of(members));
    REQUIRE_FALSE(applied);
    CHECK_THAT(applied.error().to_string(),
               Catch::Contains("layer entry \"bad\": set the 13 bytes of attribute"));
  }
}

TEST_CASE("bytes behind the archive count for the digest", "[image][layer]") {
  if (!enter_test_node()) return;
  const LayerBench bench;
  const std::string tar = tar_of({file("a")}) + "trailing";
  const auto applied = bench.unpack("l", tar);
  REQUIRE(applied);
  CHECK(applied->diff_id == sha256(tar));
  CHECK(applied->size == 1);
  CHECK(applied->inodes == 1);
  const auto empty = bench.unpack("e", "");
  REQUIRE(empty);
  CHECK(empty->diff_id == sha256(""));
}

}  // namespace
}  // namespace berth::image
