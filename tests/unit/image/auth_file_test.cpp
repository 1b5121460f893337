// SPDX-License-Identifier: Apache-2.0
#include "image/registry/auth_file.hpp"

#include <catch2/catch.hpp>

#include "image/registry/base64.hpp"
#include "image/registry/credential_helper.hpp"

namespace berth::image {
namespace {

using Catch::Matchers::Contains;

AuthFile file_of(const std::string& text) {
  auto file = parse_auth_file(text, "auth.json");
  if (!file) FAIL(file.error().to_string());
  return *file;
}

/// Whose password is sent to "host/path"; "" when nobody's.
std::string user_at(const AuthFile& file, const std::string& host, const std::string& path) {
  Endpoint endpoint;
  endpoint.host = host;
  endpoint.path = path;
  const Credentials* found = file.find(endpoint);
  return found == nullptr ? "" : found->username;
}

}  // namespace

TEST_CASE("a malformed auth.json is refused without a word of its secrets") {
  for (const char* text :
       {"", "[]", R"({"auths":[]})", R"({"auths":{"a.io":5}})", R"({"auths":{"a.io":{"auth":5}}})",
        R"({"auths":{"a.io":{"auth":"s3cret!"}}})", R"({"credHelpers":{"a.io":5}})", R"({"credsStore":5})",
        R"({"auths":{"a.io":{"auth":"czNjcmV0"}}})"}) {
    INFO(text);
    auto file = parse_auth_file(text, "auth.json");
    REQUIRE_FALSE(file);
    CHECK(file.error().code() == Code::kInvalidArgument);
    CHECK_THAT(file.error().to_string(), Contains("auth.json") && !Contains("s3cret"));
  }
}

TEST_CASE("the most specific key counts, on boundaries only") {
  const AuthFile file = file_of(
      R"({"auths":{"a.io":{"username":"host"},"a.io/team":{"username":"team"},"a.io/team/app":{"username":"app"},
          "a.io:5000":{"username":"port"},"https://b.io/v2/":{"username":"old"},"b.io":{"username":"new"},
          "https://index.docker.io/v1/":{"username":"hub"},"empty.io":{}}})");
  CHECK(user_at(file, "a.io", "x") == "host");
  CHECK(user_at(file, "a.io", "team/x") == "team");
  CHECK(user_at(file, "a.io", "team/app") == "app");
  CHECK(user_at(file, "a.io", "teammate/x") == "host");
  CHECK(user_at(file, "a.io:5000", "team/x") == "port");
  CHECK(user_at(file, "b.io", "x") == "new");
  CHECK(user_at(file, "registry-1.docker.io", "library/busybox") == "hub");
  CHECK(user_at(file, "empty.io", "x").empty());
  CHECK(user_at(file, "c.io", "x").empty());
}

TEST_CASE("all forms of credentials are read") {
  const AuthFile file = file_of(R"({"auths":{"a.io":{"auth":")" + encode_base64("u:p:q") +
                                R"("},"b.io":{"identitytoken":"i"},"c.io":{"registrytoken":"r"}}})");
  CHECK(file.auths.at("a.io").password == "p:q");
  CHECK(file.auths.at("b.io").identity_token == "i");
  CHECK(file.auths.at("c.io").registry_token == "r");
}

TEST_CASE("a key of credHelpers comes before the store, which is asked for the Hub by its old name") {
  const AuthFile file = file_of(R"({"credHelpers":{"a.io":"one"},"credsStore":"all"})");
  Endpoint endpoint;
  endpoint.host = "a.io";
  endpoint.path = "x";
  CHECK(file.find_named_helper(endpoint)->name == "one");
  CHECK(file.find_named_helper(endpoint)->server == "a.io");
  endpoint.host = "registry-1.docker.io";
  CHECK_FALSE(file.find_named_helper(endpoint));
  CHECK(file.find_store(endpoint)->server == "https://index.docker.io/v1/");
}

TEST_CASE("a helper's answer is read, and its name cannot lead elsewhere") {
  CHECK(parse_helper_answer(R"({"Username":"u","Secret":"s"})")->password == "s");
  CHECK(parse_helper_answer(R"({"Username":"<token>","Secret":"s"})")->identity_token == "s");
  for (const char* bad : {"", "[]", "s3cret", R"({"Username":1})"}) CHECK_FALSE(parse_helper_answer(bad));
  for (const char* name : {"", "../../bin/sh", "a b", "a/b"}) {
    auto answer = ask_credential_helper({"/bin"}, name, "a.io", {});
    REQUIRE_FALSE(answer);
    CHECK_THAT(answer.error().to_string(), Contains("is not the name of a credential helper"));
  }
  CHECK_THAT(ask_credential_helper({"/nowhere", "/absent"}, "x", "a.io", {}).error().to_string(),
             Contains("docker-credential-x is in none of /nowhere, /absent"));
}

}  // namespace berth::image
