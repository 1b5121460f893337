// SPDX-License-Identifier: Apache-2.0
#include "image/unpack_report.hpp"

#include <catch2/catch.hpp>

namespace berth::image {
namespace {

TEST_CASE("a worker's report comes back as what it was", "[image][unpack]") {
  const auto applied = parse_unpack_report(format_unpack_report(LayerSink::Applied{sha256("x"), 7, 3}));
  REQUIRE(applied);
  CHECK(applied->diff_id == sha256("x"));
  CHECK(applied->size == 7);
  CHECK(applied->inodes == 3);
  const Error story = Error(Code::kResourceExhausted, "no room").add_context("layer entry \"\xff\"");
  const auto failed = parse_unpack_report(format_unpack_report(story));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code() == Code::kResourceExhausted);
  CHECK_THAT(failed.error().to_string(), Catch::StartsWith("layer entry ") && Catch::EndsWith(": no room"));
}

TEST_CASE("a report from a worker that was taken over cannot be more than an error", "[image][unpack]") {
  for (const char* line :
       {"", "{", "[]", "{}", "null", R"({"error":"x"})", R"({"error":"x","code":99})",
        R"({"error":"x","code":-1})", R"({"error":1,"code":1})",
        R"({"diff_id":"../../x","size":1,"inodes":1})", R"({"diff_id":"sha256:00","size":1,"inodes":1})"}) {
    INFO(line);
    CHECK_FALSE(parse_unpack_report(line));
  }
  const std::string digest = sha256("x").text();
  CHECK_FALSE(parse_unpack_report(R"({"diff_id":")" + digest + R"(","size":-1,"inodes":1})"));
  CHECK_FALSE(parse_unpack_report(R"({"diff_id":")" + digest + R"(","size":1})"));
}

}  // namespace
}  // namespace berth::image
