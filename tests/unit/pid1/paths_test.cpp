// SPDX-License-Identifier: Apache-2.0
#include "pid1/paths.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <string>

#include "base/remove_tree.hpp"
#include "pid1/fd.h"

using namespace berth::pid1;
namespace fs = std::filesystem;

namespace {

/// image/ is what an image could look like; outside/ is what it must not reach.
class Tree {
 public:
  Tree() {
    char name[] = "/tmp/berth-paths-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path_ = name;
    fs::create_directories(path_ + "/image/etc");
    fs::create_directories(path_ + "/outside");
    root.reset(::open((path_ + "/image").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  ~Tree() { (void)berth::remove_tree(path_); }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  void link(const std::string& to, const std::string& name) const {
    fs::create_symlink(to, path_ + "/image/" + name);
  }
  int make(const std::string& path, Missing what = Missing::kDirectory, mode_t mode = 0,
           uint64_t resolve = 0) const {
    int fd = -1;
    const mode_t mask = ::umask(0);
    const int err = open_or_create(root.get(), path.c_str(), what, mode, resolve, fd);
    ::umask(mask);
    if (err == 0) ::close(fd);
    return err;
  }
  bool has(const std::string& name) const { return fs::exists(fs::symlink_status(path_ + "/image/" + name)); }
  std::string path(const std::string& name) const { return path_ + "/" + name; }
  mode_t mode(const std::string& name) const {
    struct stat status = {};
    REQUIRE(::stat(path("image/" + name).c_str(), &status) == 0);
    return status.st_mode;
  }
  bool outside_is_empty() const { return fs::is_empty(path_ + "/outside"); }

  Fd root;

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("Missing components are created, the last one as asked") {
  const Tree tree;
  CHECK(tree.make("/a/b/c", Missing::kDirectory, 0700) == 0);
  CHECK(tree.mode("a/b") == (S_IFDIR | 0755));
  CHECK(tree.mode("a/b/c") == (S_IFDIR | 0700));
  CHECK(tree.make("etc/hosts", Missing::kFile) == 0);
  CHECK(tree.mode("etc/hosts") == (S_IFREG | 0644));
  CHECK(tree.make("//x///y//", Missing::kDirectory) == 0);
  CHECK(tree.mode("x/y") == (S_IFDIR | 0755));
  CHECK(tree.make("/deep/../up/./z", Missing::kDirectory) == 0);
  CHECK(tree.has("up/z"));
}

TEST_CASE("What is there is opened and left as it is") {
  const Tree tree;
  ::chmod(tree.path("image/etc").c_str(), 0711);
  CHECK(tree.make("/etc", Missing::kDirectory, 0777) == 0);
  CHECK(tree.mode("etc") == (S_IFDIR | 0711));
  CHECK(tree.make("/") == 0);
  CHECK(tree.make("") == ENOENT);
}

TEST_CASE("A dangling link is followed inside the root") {
  const Tree tree;
  tree.link("/run/resolvconf/resolv.conf", "etc/resolv.conf");
  CHECK(tree.make("/etc/resolv.conf", Missing::kFile) == 0);
  CHECK(tree.mode("run/resolvconf/resolv.conf") == (S_IFREG | 0644));
  tree.link("../var/lib/data", "etc/data");
  CHECK(tree.make("/etc/data/inner") == 0);
  CHECK(tree.has("var/lib/data/inner"));
  tree.link("second", "first");
  tree.link("third", "second");
  CHECK(tree.make("/first", Missing::kFile) == 0);
  CHECK(tree.has("third"));
}

TEST_CASE("No link leads out of the root") {
  const Tree tree;
  tree.link(tree.path("outside"), "absolute");
  tree.link("../../../../../../.." + tree.path("outside") + "/file", "climbing");
  tree.link("/proc/self/root" + tree.path("outside"), "magic");
  CHECK(tree.make("/absolute/inside") == 0);
  CHECK(tree.make("/climbing", Missing::kFile) == 0);
  CHECK(tree.make("/magic/x") == 0);
  CHECK(tree.make("/../../../../.." + tree.path("outside") + "/y") == 0);
  CHECK(tree.outside_is_empty());
  CHECK(tree.has(tree.path("outside").substr(1) + "/y"));
}

TEST_CASE("Loops and links that may not be are refused") {
  const Tree tree;
  tree.link("b", "a");
  tree.link("a", "b");
  CHECK(tree.make("/a") == ELOOP);
  CHECK(tree.make("/a/c") == ELOOP);
  // Grows with every step instead of closing.
  tree.link("grow/more", "grow");
  CHECK(tree.make("/grow") != 0);
  tree.link("etc", "proc");
  CHECK(tree.make("/proc", Missing::kDirectory, 0, RESOLVE_NO_SYMLINKS) == ELOOP);
  tree.link("nowhere", "sys");
  CHECK(tree.make("/sys", Missing::kDirectory, 0, RESOLVE_NO_SYMLINKS) == ELOOP);
  CHECK_FALSE(tree.has("nowhere"));
}

TEST_CASE("A file in the way, a path too long, and a name too long are errors") {
  const Tree tree;
  REQUIRE(tree.make("/file", Missing::kFile) == 0);
  CHECK(tree.make("/file/below") == ENOTDIR);
  CHECK(tree.make("/" + std::string(300, 'n')) == ENAMETOOLONG);
  CHECK(tree.make(std::string(PATH_MAX, '/')) == ENAMETOOLONG);
  std::string deep;
  for (int i = 0; i < 400; ++i) deep += "/d";
  CHECK(tree.make(deep) == 0);
}

TEST_CASE("A parent is created, and names that are none are refused") {
  const Tree tree;
  int parent = -1;
  const char* name = nullptr;
  REQUIRE(open_parent(tree.root.get(), "/dev/net/tun", parent, name) == 0);
  const Fd opened(parent);
  CHECK(std::string(name) == "tun");
  CHECK(tree.has("dev/net"));
  CHECK_FALSE(tree.has("dev/net/tun"));
  for (const char* bad : {"", "/", "/a/", "/a/.", "/a/..", ".."}) {
    CAPTURE(bad);
    CHECK(open_parent(tree.root.get(), bad, parent, name) == EINVAL);
  }
}
