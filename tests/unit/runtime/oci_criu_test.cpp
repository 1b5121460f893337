// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <string>

#include "runtime/cli/criu_wire.hpp"

using namespace berth::runtime::cli;
using namespace std::string_literals;

TEST_CASE("a request to CRIU is its options within the action, each under its number", "[criu]") {
  CriuOptions options;
  options.images_fd = 4;
  options.work_fd = 5;
  options.pid = 300;
  options.leave_running = true;
  options.log_file = "x";
  options.external = {"mnt[/a]:b"};
  options.inherited = {{"pipe:[1]", 2}};
  options.cgroup_roots = {{"", "/g"}};
  options.cgroups = CriuCgroups::kIgnore;
  const std::string expected_options =
      "\x08\x04"          // images
      "\x10\xac\x02"      // pid: two bytes
      "\x18\x01"          // leave running
      "\x60\x01"          // notifications
      "\x48\x04"          // log level
      "\x52\x01x"         // log file
      "\x88\x01\x05"      // work directory: field 17 takes two bytes
      "\xca\x01\x06\x0a"  // cgroup root ...
      "\x00\x12\x02/g"    // ... of the unified hierarchy, which has no name
      "\xda\x01\x0c\x0a\x08pipe:[1]\x10\x02"
      "\x90\x02\x00"  // cgroups mode
      "\xaa\x02\x09mnt[/a]:b"s;
  const std::string expected =
      "\x08\x01\x12"s + static_cast<char>(expected_options.size()) + expected_options;
  CHECK(encode_criu_request(CriuAction::kDumpTree, options) == expected);
}

TEST_CASE("an answer to a notification says whether CRIU may go on", "[criu]") {
  CHECK(encode_criu_notified(true) == "\x08\x06\x18\x01"s);
  CHECK(encode_criu_notified(false) == "\x08\x06\x18\x00"s);
}

TEST_CASE("what CRIU says is read", "[criu]") {
  const auto restored = parse_criu_reply("\x08\x02\x10\x01\x22\x03\x08\xac\x02"s);
  REQUIRE(restored);
  CHECK(restored->action == CriuAction::kRestoreTree);
  CHECK(restored->success);
  CHECK(restored->pid == 300);

  const auto told = parse_criu_reply("\x08\x06\x10\x01\x2a\x11\x0a\x0dpost-restore\x21\x10\x07"s);
  REQUIRE(told);
  CHECK(told->script == "post-restore!");
  CHECK(told->pid == 7);

  const auto failed = parse_criu_reply("\x08\x01\x10\x00\x38\x0d\x4a\x03why"s);
  REQUIRE(failed);
  CHECK_FALSE(failed->success);
  CHECK(failed->error_number == 13);
  CHECK(failed->error_message == "why");
}

TEST_CASE("fields that later versions of CRIU add are passed over", "[criu]") {
  const auto reply = parse_criu_reply(
      "\x08\x01\x10\x01\xf8\x07\x05\xfd\x07"
      "abcd"
      "\xf9\x07"
      "abcdefgh"
      "\xfa\x07\x02xy"s);
  REQUIRE(reply);
  CHECK(reply->success);
}

TEST_CASE("what is no message of CRIU's is refused", "[criu]") {
  for (const std::string& packet : {""s, "\x10\x01"s, "\x08"s, "\x08\x81"s, "\x08\x01\x4a\x05why"s,
                                    "\x08\x01\x0b"s, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,
                                    "\x08\x01\xf9\x07"
                                    "abc"s}) {
    CAPTURE(packet);
    CHECK_FALSE(parse_criu_reply(packet));
  }
}
