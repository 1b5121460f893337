// SPDX-License-Identifier: Apache-2.0
#include "base/remove_tree.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <functional>
#include <iostream>
#include <thread>

#include "base/atomic_file.hpp"
#include "base/dir.hpp"
#include "temp_dir.hpp"

using namespace berth;
using berth::test::TempDir;

namespace {

void touch(const std::string& path) {
  REQUIRE(write_file(path, "x", Durability::kAtomic));
}

/// Runs `body` on a thread with a mount namespace of its own, so that nothing can be left mounted.
/// False when that needs more privileges than we have.
bool in_private_mounts(const std::function<void()>& body) {
  bool possible = false;
  std::thread([&] {
    possible =
        ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    if (possible) body();
  }).join();
  if (!possible) std::cerr << "WARN: no privilege to mount, so the refusal of mounts is not tested\n";
  return possible;
}

std::string failure_text(const Result<void>& result) {
  return result ? "success" : result.error().to_string();
}

}  // namespace

TEST_CASE("a tree is removed, whatever it is made of", "[base][remove_tree]") {
  const TempDir dir;
  REQUIRE(make_dirs(dir / "tree/a/b/c", 0755));
  REQUIRE(make_dirs(dir / "tree/locked/full", 0755));
  REQUIRE(::chmod((dir / "tree/locked").c_str(), 0) == 0);
  for (int i = 0; i < 500; ++i) touch(dir / ("tree/a/" + std::to_string(i)));
  REQUIRE(::mkfifo((dir / "tree/fifo").c_str(), 0600) == 0);
  REQUIRE(::symlink("nowhere", (dir / "tree/dangling").c_str()) == 0);
  touch(dir / "beside");
  CHECK(failure_text(remove_tree((dir / "tree") + "//")) == "success");
  CHECK(*list_dir(dir.path()) == std::vector<std::string>{"beside"});
}

TEST_CASE("removing what is absent succeeds", "[base][remove_tree]") {
  const TempDir dir;
  CHECK(remove_tree(dir / "absent"));
  CHECK(remove_tree(dir / "absent/below"));
}

TEST_CASE("symbolic links are removed and never followed", "[base][remove_tree]") {
  const TempDir dir;
  REQUIRE(make_dirs(dir / "outside", 0755));
  touch(dir / "outside/precious");
  REQUIRE(make_dirs(dir / "tree/sub", 0755));
  REQUIRE(::symlink((dir / "outside").c_str(), (dir / "tree/absolute").c_str()) == 0);
  REQUIRE(::symlink("../../outside", (dir / "tree/sub/relative").c_str()) == 0);
  REQUIRE(::symlink("outside", (dir / "top").c_str()) == 0);
  CHECK(remove_tree(dir / "tree"));
  CHECK(remove_tree(dir / "top"));
  CHECK(!exists(dir / "tree"));
  CHECK(!exists(dir / "top"));
  CHECK(exists(dir / "outside/precious"));
}

TEST_CASE("a tree deeper than PATH_MAX, by more levels than are kept open, is removed",
          "[base][remove_tree]") {
  const TempDir dir;
  REQUIRE(make_dirs(dir / "deep", 0755));
  UniqueFd level = *open_at(kCwd, dir / "deep", O_RDONLY | O_DIRECTORY);
  const std::string name(40, 'n');
  for (int i = 0; i < 200; ++i) {
    REQUIRE(::mkdirat(level.get(), name.c_str(), 0755) == 0);
    REQUIRE(::mkdirat(level.get(), "sibling", 0755) == 0);
    UniqueFd next = *open_at(level.get(), name, O_RDONLY | O_DIRECTORY);
    level = std::move(next);
  }
  CHECK(failure_text(remove_tree(dir / "deep")) == "success");
  CHECK(!exists(dir / "deep"));
}

TEST_CASE("paths that do not name an entry of a directory are refused", "[base][remove_tree]") {
  for (const std::string& path : {std::string(), std::string("/"), std::string("//"), std::string("/tmp/.."),
                                  std::string("."), std::string("/tmp/x\0y", 8)}) {
    CAPTURE(path);
    const Result<void> removed = remove_tree(path);
    REQUIRE(!removed);
    CHECK(removed.error().code() == Code::kInvalidArgument);
  }
}

TEST_CASE("something mounted inside is an error, not a victim", "[base][remove_tree]") {
  const TempDir dir;
  REQUIRE(make_dirs(dir / "tree/sub/mount", 0755));
  REQUIRE(make_dirs(dir / "elsewhere", 0755));
  touch(dir / "elsewhere/precious");
  std::string failure;
  const bool ran = in_private_mounts([&] {
    // A bind mount of the same filesystem, which comparing device numbers would not notice.
    ::mount((dir / "elsewhere").c_str(), (dir / "tree/sub/mount").c_str(), nullptr, MS_BIND, nullptr);
    failure = failure_text(remove_tree(dir / "tree"));
  });
  if (!ran) return;
  CHECK(failure == "remove tree " + (dir / "tree") + ": something is mounted on " + (dir / "tree/sub/mount"));
  CHECK(exists(dir / "elsewhere/precious"));
}

TEST_CASE("a mounted file is an error, too", "[base][remove_tree]") {
  const TempDir dir;
  REQUIRE(make_dirs(dir / "tree", 0755));
  touch(dir / "tree/file");
  touch(dir / "precious");
  std::string failure;
  const bool ran = in_private_mounts([&] {
    ::mount((dir / "precious").c_str(), (dir / "tree/file").c_str(), nullptr, MS_BIND, nullptr);
    failure = failure_text(remove_tree(dir / "tree"));
  });
  if (!ran) return;
  CHECK(failure == "remove tree " + (dir / "tree") + ": something is mounted on " + (dir / "tree/file"));
  CHECK(exists(dir / "precious"));
}

TEST_CASE("a mount point itself is refused before anything in it is removed", "[base][remove_tree]") {
  const TempDir dir;
  REQUIRE(make_dirs(dir / "mount", 0755));
  bool survived = false;
  std::string failure;
  const bool ran = in_private_mounts([&] {
    ::mount("none", (dir / "mount").c_str(), "tmpfs", 0, nullptr);
    (void)write_file(dir / "mount/precious", "x", Durability::kAtomic);
    failure = failure_text(remove_tree(dir / "mount"));
    survived = exists(dir / "mount/precious");
  });
  if (!ran) return;
  CHECK(failure == "remove tree " + (dir / "mount") + ": something is mounted on " + (dir / "mount"));
  CHECK(survived);
}
