// SPDX-License-Identifier: Apache-2.0
#include "base/dir.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cerrno>

#include "base/atomic_file.hpp"
#include "temp_dir.hpp"

using namespace berth;
using berth::test::TempDir;

namespace {

/// A root with a secret beside it, which every escape aims at.
struct Jail {
  TempDir dir;
  UniqueFd root;
  Jail() {
    REQUIRE(make_dirs(dir / "root/etc", 0755));
    REQUIRE(write_file(dir / "secret", "outside", Durability::kAtomic));
    REQUIRE(write_file(dir / "root/secret", "inside", Durability::kAtomic));
    root = *open_at(kCwd, dir / "root", O_RDONLY | O_DIRECTORY);
  }
  void link(const std::string& target, const std::string& name) const {
    REQUIRE(::symlink(target.c_str(), (dir / ("root/" + name)).c_str()) == 0);
  }
  std::string read_clamped(const std::string& path) const {
    Result<UniqueFd> fd = open_in_root(root.get(), path, O_RDONLY);
    REQUIRE(fd);
    return *read_fd(fd->get(), 100, path);
  }
};

}  // namespace

TEST_CASE("paths and links that try to leave a root are clamped to it", "[base][dir]") {
  const Jail jail;
  jail.link("../../secret", "up");
  jail.link("/secret", "absolute");
  jail.link("/../../../secret", "absolute_up");
  jail.link("/", "slash");
  for (const char* path : {"secret", "/secret", "../secret", "../../../../secret", "etc/../../secret", "up",
                           "absolute", "absolute_up", "slash/../secret"}) {
    CAPTURE(path);
    CHECK(jail.read_clamped(path) == "inside");
  }
}

TEST_CASE("open_beneath refuses what open_in_root clamps", "[base][dir]") {
  const Jail jail;
  jail.link("../secret", "up");
  jail.link("/secret", "absolute");
  for (const char* path : {"../secret", "/secret", "up", "absolute", "etc/../../root/secret"}) {
    CAPTURE(path);
    const Result<UniqueFd> fd = open_beneath(jail.root.get(), path, O_RDONLY);
    REQUIRE(!fd);
    CHECK(fd.error().sys_errno() == EXDEV);
  }
  CHECK(open_beneath(jail.root.get(), "etc/../secret", O_RDONLY));
}

TEST_CASE("a magic link does not lead out of a root", "[base][dir]") {
  const UniqueFd proc = *open_at(kCwd, "/proc", O_RDONLY | O_DIRECTORY);
  for (const char* path : {"self/root/etc", "self/cwd", "self/exe"}) {
    CAPTURE(path);
    const Result<UniqueFd> fd = open_in_root(proc.get(), path, O_RDONLY);
    REQUIRE(!fd);
    CHECK(fd.error().sys_errno() == ELOOP);
  }
}

TEST_CASE("a NUL in a path is refused, not cut off", "[base][dir]") {
  const Jail jail;
  const std::string path("secret\0.txt", 11);
  CHECK(open_in_root(jail.root.get(), path, O_RDONLY).error().code() == Code::kInvalidArgument);
  CHECK(open_at(jail.root.get(), path, O_RDONLY).error().code() == Code::kInvalidArgument);
  CHECK(make_dirs(path, 0755).error().code() == Code::kInvalidArgument);
}

TEST_CASE("a file can be created inside a root with its mode", "[base][dir]") {
  const Jail jail;
  REQUIRE(open_in_root(jail.root.get(), "../etc/new", O_WRONLY | O_CREAT | O_EXCL, 0600));
  struct stat status {};
  REQUIRE(::stat((jail.dir / "root/etc/new").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("descriptors are closed on exec from birth", "[base][dir]") {
  const Jail jail;
  const UniqueFd inside = *open_in_root(jail.root.get(), "secret", O_RDONLY);
  CHECK((::fcntl(jail.root.get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK((::fcntl(inside.get(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("an open that fails names the path", "[base][dir]") {
  const Result<UniqueFd> fd = open_at(kCwd, "/nonexistent/x", O_RDONLY);
  REQUIRE(!fd);
  CHECK(fd.error().to_string() == "open /nonexistent/x: No such file or directory");
}

TEST_CASE("make_dirs keeps what exists and refuses a file in the way", "[base][dir]") {
  const TempDir dir;
  REQUIRE(make_dirs(dir / "a", 0700));
  REQUIRE(make_dirs(dir / "a/b/c", 0751));
  CHECK(make_dirs(dir / "a//b/c/", 0755));
  struct stat status {};
  REQUIRE(::stat((dir / "a").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
  REQUIRE(::stat((dir / "a/b").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0751);
  REQUIRE(write_file(dir / "file", "", Durability::kAtomic));
  CHECK(make_dirs(dir / "file", 0755).error().sys_errno() == EEXIST);
  CHECK(make_dirs(dir / "file/below", 0755).error().sys_errno() == EEXIST);
}

TEST_CASE("a file over the limit is an error, one of exactly the limit is not", "[base][dir]") {
  const TempDir dir;
  const std::string data(40'000, 'x');
  REQUIRE(write_file(dir / "file", data, Durability::kAtomic));
  CHECK(*read_file(dir / "file", data.size()) == data);
  CHECK(*read_file(dir / "file", SIZE_MAX) == data);
  const Result<std::string> over = read_file(dir / "file", data.size() - 1);
  REQUIRE(!over);
  CHECK(over.error().to_string() == (dir / "file") + " is longer than 39999 bytes");
  CHECK(!read_file(dir / "file", 0));
}

TEST_CASE("files without a size, as in proc, are read whole", "[base][dir]") {
  CHECK(read_file("/proc/self/status", 100'000)->find("Threads:") != std::string::npos);
}

TEST_CASE("write_file_at replaces a file but does not create one", "[base][dir]") {
  const TempDir dir;
  REQUIRE(write_file(dir / "limit", "9223372036854771712", Durability::kAtomic));
  const UniqueFd fd = *open_at(kCwd, dir.path(), O_RDONLY | O_DIRECTORY);
  REQUIRE(write_file_at(fd.get(), "limit", "max"));
  CHECK(*read_file(dir / "limit", 100) == "max");
  CHECK(write_file_at(fd.get(), "absent", "1").error().sys_errno() == ENOENT);
  CHECK(write_fd(fd.get(), "x", "subject").error().to_string() == "write subject: Bad file descriptor");
}

TEST_CASE("a listing has every name but the two dots", "[base][dir]") {
  const TempDir dir;
  for (const char* name : {"b", ".hidden", "a"}) REQUIRE(write_file(dir / name, "", Durability::kAtomic));
  std::vector<std::string> names = *list_dir(dir.path());
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{".hidden", "a", "b"});
  CHECK(list_dir(dir / "a").error().sys_errno() == ENOTDIR);
  CHECK(exists(dir / "a"));
  CHECK(!exists(dir / "c"));
}
