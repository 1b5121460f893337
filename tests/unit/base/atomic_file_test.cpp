// SPDX-License-Identifier: Apache-2.0
#include "base/atomic_file.hpp"

#include <sys/stat.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "base/dir.hpp"
#include "temp_dir.hpp"

using namespace berth;
using berth::test::TempDir;

TEST_CASE("a written file has the data and exactly the mode, whatever the umask", "[base][atomic_file]") {
  const TempDir dir;
  const mode_t previous = ::umask(0077);
  const Result<void> written = write_file(dir / "state", "abc", Durability::kDurable, 0664);
  ::umask(previous);
  REQUIRE(written);
  struct stat status {};
  REQUIRE(::stat((dir / "state").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0664);
  CHECK(*read_file(dir / "state", 10) == "abc");
}

TEST_CASE("replacing a file leaves no temporary beside it", "[base][atomic_file]") {
  const TempDir dir;
  REQUIRE(write_file(dir / "state", "old", Durability::kAtomic));
  REQUIRE(write_file(dir / "state", "new", Durability::kAtomic));
  CHECK(*read_file(dir / "state", 10) == "new");
  CHECK(*list_dir(dir.path()) == std::vector<std::string>{"state"});
}

TEST_CASE("a failed replacement leaves neither a temporary nor a changed target", "[base][atomic_file]") {
  const TempDir dir;
  REQUIRE(make_dirs(dir / "state/occupied", 0755));
  const Result<void> written = write_file(dir / "state", "new", Durability::kAtomic);
  REQUIRE(!written);
  CHECK(written.error().to_string().find("write " + (dir / "state") + ": ") == 0);
  CHECK(*list_dir(dir.path()) == std::vector<std::string>{"state"});
  CHECK(exists(dir / "state/occupied"));
}

TEST_CASE("a symbolic link is replaced, not followed", "[base][atomic_file]") {
  const TempDir dir;
  REQUIRE(write_file(dir / "victim", "untouched", Durability::kAtomic));
  REQUIRE(::symlink("victim", (dir / "state").c_str()) == 0);
  REQUIRE(write_file(dir / "state", "new", Durability::kAtomic));
  CHECK(*read_file(dir / "victim", 20) == "untouched");
  CHECK(*read_file(dir / "state", 20) == "new");
}

TEST_CASE("a reader sees the old file or the new one, never a part", "[base][atomic_file]") {
  const TempDir dir;
  const std::string path = dir / "state";
  const std::string old_data(100'000, 'a');
  const std::string new_data(200'000, 'b');
  REQUIRE(write_file(path, old_data, Durability::kAtomic));
  std::atomic<bool> done = false;
  std::atomic<bool> failed = false;
  std::thread writer([&] {
    for (int i = 0; i < 50; ++i) {
      if (!write_file(path, i % 2 == 0 ? new_data : old_data, Durability::kAtomic)) failed = true;
    }
    done = true;
  });
  int torn = 0;
  while (!done) {
    const Result<std::string> seen = read_file(path, 1'000'000);
    if (!seen || (*seen != old_data && *seen != new_data)) ++torn;
  }
  writer.join();
  CHECK(torn == 0);
  CHECK(!failed);
}
