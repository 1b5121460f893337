// SPDX-License-Identifier: Apache-2.0
#include "image/image_config.hpp"

#include <catch2/catch.hpp>

#include "base/cat.hpp"

namespace berth::image {

using Catch::Matchers::Contains;

TEST_CASE("absent, null and empty mean the same") {
  for (const char* text :
       {"{}", R"({"config":null,"rootfs":null})", R"({"os":"linux","config":{}})",
        R"({"config":{"Env":null,"Entrypoint":null,"Cmd":[],"Volumes":null,"Labels":{},"User":null},
                               "rootfs":{"type":"layers","diff_ids":null}})"}) {
    INFO(text);
    auto config = parse_image_config(text);
    REQUIRE(config);
    CHECK(config->env.empty());
    CHECK(config->entrypoint.empty());
    CHECK(config->cmd.empty());
    CHECK(config->user.empty());
    CHECK(config->diff_ids.empty());
  }
}

TEST_CASE("everything that a container needs is read") {
  const std::string digest = sha256("x").text();
  auto config = parse_image_config(
      cat(R"({"os":"linux","architecture":"arm","variant":"v7","config":{"User":"a:b","Env":["A=1","B="],
    "Entrypoint":["/e"],"Cmd":["c","d"],"WorkingDir":"/w","StopSignal":"SIGQUIT","Volumes":{"/v":{}},"Labels":{"k":"v"}},
    "rootfs":{"type":"layers","diff_ids":[")",
          digest, "\"]}}"));
  REQUIRE(config);
  CHECK(config->variant == "v7");
  CHECK(config->user == "a:b");
  CHECK(config->env == std::vector<std::string>{"A=1", "B="});
  CHECK(config->cmd == std::vector<std::string>{"c", "d"});
  CHECK(config->stop_signal == "SIGQUIT");
  CHECK(config->volumes == std::vector<std::string>{"/v"});
  CHECK(config->labels.at("k") == "v");
  CHECK(config->diff_ids.at(0).text() == digest);
}

TEST_CASE("what is malformed is refused by its key") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "not valid JSON"},
      {"[]", "not a JSON object"},
      {R"({"os":"windows"})", "the image is for windows"},
      {R"({"config":[]})", "\"config\" is not an object"},
      {R"({"config":{"Env":"A=1"}})", "\"Env\" is not an array of strings"},
      {R"({"config":{"Cmd":[1]}})", "\"Cmd\" is not an array of strings"},
      {R"({"config":{"Env":["A=\u0000"]}})", "\"Env\" is not free of NUL"},
      {R"({"config":{"User":5}})", "\"User\" is not a string"},
      {R"({"config":{"Volumes":[]}})", "\"Volumes\" is not an object"},
      {R"({"config":{"Labels":{"a":1}}})", "\"Labels\" is not an object of strings"},
      {R"({"rootfs":[]})", "rootfs is not a JSON object"},
      {R"({"rootfs":{"type":"blobs"}})", "rootfs.type"},
      {R"({"rootfs":{"diff_ids":["sha256:x"]}})", "diff_ids"}};
  for (const auto& [text, reason] : cases) {
    INFO(text);
    auto config = parse_image_config(text);
    REQUIRE_FALSE(config);
    CHECK_THAT(config.error().to_string(), Contains(reason));
  }
}

}  // namespace berth::image
