// SPDX-License-Identifier: Apache-2.0
#include "ctl/pull_bars.hpp"

#include <catch2/catch.hpp>

namespace berth::ctl {
namespace {

using Catch::Matchers::Contains;

const std::string kPull =
    R"({"layers":[{"digest":"sha256:0123456789abcdef","size":2048,"fetched":1024,"state":"fetching"},)"
    R"({"digest":"sha256:aaaaaaaaaaaaaaaa","size":0,"fetched":0,"state":"waiting"},)"
    R"({"digest":"sha256:bbbbbbbbbbbbbbbb","size":4096,"fetched":0,"state":"there"}]})";

}  // namespace

TEST_CASE("what is no progress of a pull has no bars") {
  for (const char* text : {"", "[]", "{}", R"({"layers":{}})", R"({"layers":[]})", R"({"layers":[7]})",
                           R"({"layers":[{"digest":"d","state":"waiting","size":-1,"fetched":0}]})"}) {
    INFO(text);
    CHECK(format_pull(text, 10).empty());
  }
}

TEST_CASE("each layer of a pull has a bar, as full as it is fetched") {
  CHECK(format_pull(kPull, 10) ==
        "0123456789abc [===============               ] 1.0 KiB of 2.0 KiB fetching\n"
        "aaaaaaaaaaaaa [==============================] 0 B of 0 B waiting\n"
        "bbbbbbbbbbbbb [==============================] 4.0 KiB of 4.0 KiB there\n"
        "1 of 3 layers\n");
}

TEST_CASE("of many layers only those that are not finished have bars") {
  const std::string lines = format_pull(kPull, 1);
  CHECK_THAT(lines, Contains("0123456789abc") && !Contains("bbbb") && !Contains("aaaa"));
  CHECK_THAT(lines, Contains("1 of 3 layers"));
}

}  // namespace berth::ctl
