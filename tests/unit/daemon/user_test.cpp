// SPDX-License-Identifier: Apache-2.0
#include "daemon/spec/user.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "messages.hpp"
#include "tree.hpp"

using namespace berth;
using namespace berth::daemon;
using namespace berth::daemon::testing;
using berth::testing::Tree;
using Groups = std::vector<std::uint32_t>;

namespace {

constexpr const char* kPasswd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "app:x:1000:1001::/home/app:/bin/sh\n"
    "1000:x:7:7::/seven:/bin/sh\n"
    "homeless:x:1002:1002:::\n";
constexpr const char* kGroup =
    "root:x:0:\n"
    "users:x:1001:\n"
    "wheel:x:10:root,app\n"
    "audio:x:29:app,,other\n"
    "1000:x:8:app\n";

/// The root file system of an image.
struct Rootfs {
  Tree tree{{"etc/", ""}};
  UniqueFd fd{::open(tree.root().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  Rootfs(const char* passwd = kPasswd, const char* group = kGroup) {
    if (passwd != nullptr) tree.write("etc/passwd", passwd);
    if (group != nullptr) tree.write("etc/group", group);
  }
  Result<ResolvedUser> resolve(const std::string& image_user, const std::string& security = "") const {
    return resolve_user(fd.get(), image_user, proto<cri::LinuxContainerSecurityContext>(security));
  }
};

}  // namespace

TEST_CASE("Digits are an ID even where the image has a user or a group of that name") {
  const Rootfs rootfs;
  const auto user = rootfs.resolve("1000:1000");
  REQUIRE(user);
  CHECK(user->uid == 1000);
  CHECK(user->gid == 1000);
  CHECK(user->home == "/home/app");
  const auto asked = rootfs.resolve("", "run_as_username: '1000'");
  REQUIRE(asked);
  CHECK(asked->uid == 1000);
}

TEST_CASE("An ID above 2^31-1 is refused wherever it comes from, because it would wrap") {
  const Rootfs rootfs("big:x:2147483648:0::/:\nwrap:x:4294967296:0::/:\nedge:x:2147483647:2147483647::/e:\n",
                      "big:x:4294967296:\n");
  for (const char* id : {"2147483648", "4294967295", "4294967296", "18446744073709551616"}) {
    INFO(id);
    const auto user = rootfs.resolve(id);
    CHECK(has_code(user, Code::kInvalidArgument));
    CHECK(refusal(user).find(id) != std::string::npos);
    const auto group = rootfs.resolve(std::string("0:") + id);
    CHECK(has_code(group, Code::kInvalidArgument));
    CHECK(refusal(group).find(id) != std::string::npos);
  }
  CHECK(has_code(rootfs.resolve("big"), Code::kInvalidArgument));
  CHECK(has_code(rootfs.resolve("wrap"), Code::kInvalidArgument));
  CHECK(has_code(rootfs.resolve("0:big"), Code::kInvalidArgument));
  const auto edge = rootfs.resolve("edge");
  REQUIRE(edge);
  CHECK(edge->uid == 2147483647U);
}

TEST_CASE("Words that only look like numbers are names, and names the image lacks are refused") {
  const Rootfs rootfs;
  for (const char* word : {"-1", "+5", "0x10", "1e3", " 0", "0 ", "nobody", "app\n", "App"}) {
    INFO(word);
    const auto user = rootfs.resolve(word);
    CHECK(has_code(user, Code::kInvalidArgument));
    CHECK(refusal(user) == std::string("user \"") + word + "\" is not in the image's /etc/passwd");
  }
  CHECK(refusal(rootfs.resolve("app:nogroup")) == "group \"nogroup\" is not in the image's /etc/group");
}

TEST_CASE("The image's USER comes in five forms") {
  const Rootfs rootfs;
  struct Row {
    const char* user;
    std::uint32_t uid, gid;
    const char* home;
  };
  const Row rows[] = {{"", 0, 0, "/root"},
                      {"app", 1000, 1001, "/home/app"},
                      {"app:wheel", 1000, 10, "/home/app"},
                      {"1000:users", 1000, 1001, "/home/app"},
                      {"4242", 4242, 0, "/"},
                      {"4242:77", 4242, 77, "/"},
                      {":wheel", 0, 10, "/root"},
                      {"app:", 1000, 1001, "/home/app"},
                      {"homeless", 1002, 1002, "/"}};
  for (const auto& row : rows) {
    INFO(row.user);
    const auto user = rootfs.resolve(row.user);
    REQUIRE(user);
    CHECK(user->uid == row.uid);
    CHECK(user->gid == row.gid);
    CHECK(user->home == row.home);
    CHECK(user->groups.front() == row.gid);
  }
}

TEST_CASE("The request wins over the image: a username over an ID, and both over USER with its group") {
  const Rootfs rootfs;
  auto user = rootfs.resolve("root:wheel", "run_as_username: 'app' run_as_user { value: 5 }");
  REQUIRE(user);
  CHECK(user->uid == 1000);
  CHECK(user->gid == 1001);  // the image's group belongs to the image's user
  user = rootfs.resolve("app:wheel", "run_as_user { value: 0 }");
  REQUIRE(user);
  CHECK(user->uid == 0);
  CHECK(user->gid == 0);
  user = rootfs.resolve("app", "run_as_user { value: 1000 } run_as_group { value: 0 }");
  REQUIRE(user);
  CHECK(user->gid == 0);
  CHECK(user->home == "/home/app");
}

TEST_CASE("Merge adds the groups of the image to the given ones, Strict does not") {
  const Rootfs rootfs;
  const std::string given = "supplemental_groups: [500, 29, 1001]";
  auto user = rootfs.resolve("app", given);
  REQUIRE(user);
  CHECK(user->groups == Groups{1001, 10, 29, 8, 500});
  user = rootfs.resolve("app", given + " supplemental_groups_policy: Strict");
  REQUIRE(user);
  CHECK(user->groups == Groups{1001, 500, 29});
  user = rootfs.resolve("4242", "");
  REQUIRE(user);
  CHECK(user->groups == Groups{0});  // without an entry there is no name to look for
}

TEST_CASE("An image without /etc, or without either file, still has numeric users") {
  const Rootfs empty(nullptr, nullptr);
  const auto user = empty.resolve("12:34");
  REQUIRE(user);
  CHECK(user->uid == 12);
  CHECK(user->gid == 34);
  CHECK(user->home == "/");
  CHECK(empty.resolve(""));
  CHECK(has_code(empty.resolve("root"), Code::kInvalidArgument));
  Tree bare;
  const UniqueFd fd(::open(bare.root().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  CHECK(resolve_user(fd.get(), "0", {}));
  bare.write("etc", "a file");
  CHECK(resolve_user(fd.get(), "0", {}));
}

TEST_CASE("A link out of the image cannot leave it") {
  const Rootfs rootfs(nullptr);
  Tree outside{{"passwd", "app:x:6666:6666::/host:\n"}};
  REQUIRE(::symlink(outside.path("passwd").c_str(), rootfs.tree.path("etc/passwd").c_str()) == 0);
  CHECK(has_code(rootfs.resolve("app"), Code::kInvalidArgument));
  REQUIRE(::unlink(rootfs.tree.path("etc/passwd").c_str()) == 0);
  REQUIRE(::symlink("../../../../../../../../etc/passwd", rootfs.tree.path("etc/passwd").c_str()) == 0);
  CHECK_FALSE(rootfs.resolve("app"));  // it is a link to itself, seen from inside
  rootfs.tree.write("usr/lib/passwd", kPasswd);
  REQUIRE(::unlink(rootfs.tree.path("etc/passwd").c_str()) == 0);
  REQUIRE(::symlink("/usr/lib/passwd", rootfs.tree.path("etc/passwd").c_str()) == 0);
  const auto user = rootfs.resolve("app");  // absolute links are the image's own
  REQUIRE(user);
  CHECK(user->uid == 1000);
}

TEST_CASE("A FIFO, a socket or a directory in place of /etc/passwd is refused and blocks nobody") {
  Rootfs rootfs(nullptr);
  const std::string path = rootfs.tree.path("etc/passwd");
  REQUIRE(::mkfifo(path.c_str(), 0644) == 0);
  CHECK(has_code(rootfs.resolve("0"), Code::kInvalidArgument));
  CHECK(refusal(rootfs.resolve("0")) == "/etc/passwd of the image is not a regular file");
  REQUIRE(::unlink(path.c_str()) == 0);
  REQUIRE(::mkdir(path.c_str(), 0755) == 0);
  CHECK(has_code(rootfs.resolve("0"), Code::kInvalidArgument));
}

TEST_CASE("A file that nobody would call a passwd file is not read to its end") {
  Rootfs rootfs;
  const UniqueFd file(::open(rootfs.tree.path("etc/passwd").c_str(), O_WRONLY | O_CLOEXEC));
  REQUIRE(::ftruncate(file.get(), 1LL << 40) == 0);
  CHECK_FALSE(rootfs.resolve("0"));
}

TEST_CASE("Malformed passwd lines are passed over, whole ones beside them count") {
  const std::string huge = "huge:x:5:5::/" + std::string(70'000, 'a') + ":\n";
  const auto entries = parse_passwd(
      "no colons\n:x:1:1::/:\nshort:x:1:1\nneg:x:-1:0::/:\nplus:x:+1:0::/:\nspace:x: "
      "1:0::/:\nempty:x::0::/:\n"
      "hex:x:0x1:0::/:\ncarriage:x:1:1::/ho\rme:\nnul:x:1:1::/ho" +
      std::string(1, '\0') + "me:\n" + huge +
      "+::::::\n\n#comment:x:3:3::/c:\ngood:x:9:9::/g:/bin/sh:extra\nlast:x:10:10::/l:");
  REQUIRE(entries.size() == 3);
  CHECK(entries[0].name == "#comment");
  CHECK(entries[1].name == "good");
  CHECK(entries[1].home == "/g");
  CHECK(entries[2].name == "last");  // without a newline at the end
}

TEST_CASE("A second line of the same name or ID does not shadow the first") {
  const Rootfs rootfs("app:x:1:1::/first:\napp:x:0:0::/second:\nalias:x:1:5::/third:\n");
  auto user = rootfs.resolve("app");
  REQUIRE(user);
  CHECK(user->uid == 1);
  user = rootfs.resolve("1");
  REQUIRE(user);
  CHECK(user->home == "/first");
}

TEST_CASE("Group lines may lack members, and empty members are none") {
  const auto groups = parse_group("a:x:1\nb:x:2:\nc:x:3:,u,,v,\nd:x:two:u\n:x:4:u\ne\n");
  REQUIRE(groups.size() == 3);
  CHECK(groups[1].members.empty());
  CHECK(groups[2].members == std::vector<std::string>{"u", "v"});
}
