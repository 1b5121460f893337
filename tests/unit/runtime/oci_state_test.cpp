// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/remove_tree.hpp"
#include "runtime/cli/passwd.hpp"
#include "runtime/cli/record.hpp"

namespace berth::runtime::cli {
namespace {

struct Root {
  Root() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~Root() { (void)remove_tree(path); }
  std::string path = "/tmp/berth-oci-test.XXXXXX";
};

Record sample() {
  Record record;
  record.id = "c1";
  record.bundle = "/b";
  record.cgroup = "/c/c1";
  record.annotations = {{"k", "v\n\"\\"}};
  record.first_label = 3;
  record.labels = {"wait for the start", "run sh"};
  return record;
}

}  // namespace

TEST_CASE("IDs that could be paths are refused", "[oci]") {
  for (const char* bad : {"", ".", "..", "a/b", "/", "a b", "a\n", "ä", "a*"})
    CHECK_FALSE(check_container_id(bad));
  CHECK_FALSE(check_container_id(std::string(256, 'a')));
  for (const char* good : {"a", "A-b_c.d+9", "...", "-"}) CHECK(check_container_id(good));
}

TEST_CASE("a name is taken once, and its directory is private", "[oci]") {
  const Root root;
  auto dir = StateDir::create(root.path + "/made/below", "c1");
  REQUIRE(dir);
  struct stat status {};
  REQUIRE(::stat(dir->file("").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0700);
  const auto again = StateDir::create(root.path + "/made/below", "c1");
  REQUIRE_FALSE(again);
  CHECK(again.error().code() == Code::kAlreadyExists);
  CHECK(*StateDir::list(root.path + "/made/below") == std::vector<std::string>{"c1"});
  REQUIRE(dir->remove());
  CHECK(StateDir::list(root.path + "/made/below")->empty());
  CHECK(StateDir::open(root.path + "/made/below", "c1").error().code() == Code::kNotFound);
  CHECK(StateDir::list(root.path + "/nowhere")->empty());
}

TEST_CASE("a lock on a container that was deleted meanwhile is refused", "[oci]") {
  const Root root;
  {
    auto made = StateDir::create(root.path, "c1");
    REQUIRE(made);
  }
  auto late = StateDir::open(root.path, "c1");
  REQUIRE(late);
  REQUIRE(StateDir::open(root.path, "c1")->remove());
  CHECK(late->lock().error().code() == Code::kNotFound);
}

TEST_CASE("records survive being written and read", "[oci]") {
  const Root root;
  auto dir = StateDir::create(root.path, "c1");
  REQUIRE(dir);
  CHECK_FALSE(load_record(*dir));
  REQUIRE(save_record(*dir, sample()));
  const auto read = load_record(*dir);
  REQUIRE(read);
  CHECK(to_json(*read) == to_json(sample()));
  Record other = sample();
  other.id = "c2";
  REQUIRE(save_record(*dir, other));
  CHECK_FALSE(load_record(*dir));
}

TEST_CASE("state files that are not ours are errors, never containers", "[oci]") {
  for (const char* bad :
       {"", "{", "[]", "{}", R"({"id":7})", R"({"id":"c","pid":"x"})", R"({"id":"c","labels":[1]})"})
    CHECK_FALSE(parse_record(bad));
}

TEST_CASE("the status is derived from the process and the gate", "[oci]") {
  const Root root;
  auto dir = StateDir::create(root.path, "c1");
  REQUIRE(dir);
  Record record = sample();
  CHECK(status_of(*dir, record) == Status::kCreating);
  record.process = *identify_process(::getpid());
  CHECK(status_of(*dir, record) == Status::kRunning);
  REQUIRE(open_at(dir->fd(), "gate", O_CREAT | O_WRONLY, 0600));
  CHECK(status_of(*dir, record) == Status::kCreated);
  record.process.start_time += 1;  // somebody else's number by now
  CHECK(status_of(*dir, record) == Status::kStopped);
}

TEST_CASE("hooks and callers get the specification's state", "[oci]") {
  const Json state = state_json(sample(), Status::kCreated, 17);
  CHECK(state["status"] == "created");
  CHECK(state["pid"] == 17);
  CHECK(state["annotations"]["k"] == "v\n\"\\");
  CHECK_FALSE(state_json(sample(), Status::kStopped, 0).contains("pid"));
}

TEST_CASE("a home directory is looked up by number in a file that anybody may have written", "[oci]") {
  constexpr std::string_view kPasswd =
      "root:x:0:0:root:/root:/bin/sh\nbroken\n::::::\nu:x:1000:1:,,:/home/u\nr:x:7:7::relative:";
  CHECK(home_in(kPasswd, 0) == "/root");
  CHECK(home_in(kPasswd, 1000) == "/home/u");
  CHECK(home_in(kPasswd, 7) == "/");
  CHECK(home_in(kPasswd, 12) == "/");
  CHECK(home_in("", 0) == "/");
}

}  // namespace berth::runtime::cli
