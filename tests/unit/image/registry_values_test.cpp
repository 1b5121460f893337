// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "image/registry/auth.hpp"
#include "image/registry/base64.hpp"
#include "image/registry/header_values.hpp"
#include "image/registry/retry.hpp"
#include "image/registry/url.hpp"

namespace berth::image {
namespace {

using Catch::Matchers::Contains;
using std::chrono::seconds;

}  // namespace

TEST_CASE("challenges are read as registries write them") {
  const auto challenges = parse_challenges(
      R"(Basic realm="a, \"b\"", BEARER realm="https://auth.example/token" , Service=x,scope="repository:a/b:pull,push",realm="second")");
  REQUIRE(challenges.size() == 2);
  CHECK(challenges[0].scheme == "basic");
  CHECK(challenges[0].params.at("realm") == "a, \"b\"");
  CHECK(challenges[1].scheme == "bearer");
  CHECK(challenges[1].params.at("realm") == "https://auth.example/token");
  CHECK(challenges[1].params.at("service") == "x");
  CHECK(challenges[1].params.at("scope") == "repository:a/b:pull,push");
  CHECK(parse_challenges("Negotiate YWJj==, Basic").size() == 2);
}

TEST_CASE("malformed challenges are left out, never guessed") {
  CHECK(parse_challenges("").empty());
  CHECK(parse_challenges(", ,\t,").empty());
  CHECK(parse_challenges("=a, ==, \"x\"").empty());
  CHECK(parse_challenges("realm=\"x\"").empty());
  CHECK(parse_challenges("Bearer realm=\"never closed").at(0).params.empty());
  CHECK(parse_challenges("Bearer realm=").at(0).params.empty());
  CHECK(parse_challenges(std::string(100'000, ',') + "Basic").size() == 1);
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "s" + std::to_string(i) + ",";
  CHECK(parse_challenges(many).size() <= 16);
}

TEST_CASE("only exact content ranges count") {
  const auto range = parse_content_range("bytes 5-9/10");
  REQUIRE(range);
  CHECK((range->first == 5 && range->last == 9 && range->total == 10U));
  CHECK(parse_content_range("Bytes 0-0/*")->total == std::nullopt);
  for (const char* bad : {"", "bytes", "bytes ", "bytes */10", "bytes 5-4/10", "bytes 5-10/10", "bytes -5/10",
                          "bytes 5-/10", "bytes 5-9", "bytes 5-9/", "bytes +5-9/10", "bytes 5 -9/10",
                          "bytes 5/9-10", "items 5-9/10", "bytes 5-99999999999999999999/*"}) {
    INFO(bad);
    CHECK_FALSE(parse_content_range(bad));
  }
}

TEST_CASE("patience is read as seconds or as a date") {
  CHECK(parse_retry_after("7", 0) == seconds(7));
  CHECK(parse_retry_after("99999999999999", 0) == seconds(1 << 30));
  CHECK(parse_retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 50) == seconds(10));
  CHECK(parse_retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 5000) == seconds(0));
  for (const char* bad : {"", "-1", "soon", "1.5", "Thu, 01 Jan 1970"})
    CHECK_FALSE(parse_retry_after(bad, 0));
}

TEST_CASE("base64 is read back, and what is not base64 is refused without being quoted") {
  for (const std::string& text : {std::string(), std::string("f"), std::string("fo"), std::string("foo"),
                                  std::string("\0\xff\x80", 3)}) {
    CHECK(*decode_base64(encode_base64(text)) == text);
  }
  CHECK(encode_base64("foob") == "Zm9vYg==");
  CHECK(*decode_base64("Zm9vYg") == "foob");
  for (const char* bad : {"Z", "Zm9v!", "Zm9v\n", "Zm=v", "===="}) {
    auto decoded = decode_base64(bad);
    REQUIRE_FALSE(decoded);
    CHECK_THAT(decoded.error().to_string(), !Contains(bad));
  }
}

TEST_CASE("auth of the CRI is a user and a password") {
  auto credentials = parse_basic_auth(encode_base64(std::string("user:pass:word\0\0", 16)));
  REQUIRE(credentials);
  CHECK(credentials->username == "user");
  CHECK(credentials->password == "pass:word");
  CHECK(parse_basic_auth("!").error().code() == Code::kInvalidArgument);
  CHECK(parse_basic_auth(encode_base64("secret")).error().to_string().find("secret") == std::string::npos);
}

TEST_CASE("a token's answer is checked before it becomes a header") {
  CHECK(parse_token_response(R"({"token":"abc","expires_in":300})")->lifetime == seconds(300));
  CHECK(parse_token_response(R"({"access_token":"abc"})")->token == "abc");
  CHECK(parse_token_response(R"({"token":"","access_token":"b","expires_in":1})")->lifetime == seconds(60));
  CHECK(parse_token_response(R"({"token":"b","expires_in":1e300})")->lifetime == seconds(86400));
  for (const char* bad :
       {"", "{}", R"({"token":5})", R"({"token":"a b"})", R"({"token":"a\r\nX-Evil: 1"})", "[]"}) {
    CHECK_FALSE(parse_token_response(bad));
  }
}

TEST_CASE("tokens are kept until they expire or are refused") {
  TokenCache cache;
  const TokenCache::Clock::time_point now{};
  cache.store("k", "t", now + seconds(10), now);
  CHECK(cache.find("k", now) == "t");
  CHECK_FALSE(cache.find("k", now + seconds(10)));
  cache.drop("k", "another");
  CHECK(cache.find("k", now) == "t");
  cache.drop("k", "t");
  CHECK_FALSE(cache.find("k", now));
}

TEST_CASE("credentials go to the server that they are for") {
  const Reference hub = *parse_reference("busybox");
  const Endpoint primary{"registry-1.docker.io", "library/busybox", false, false};
  const Endpoint mirror{"mirror.io", "library/busybox", false, true};
  Credentials given;
  given.username = "u";
  CHECK(credentials_for(primary, hub, given).username == "u");
  CHECK(credentials_for(mirror, hub, given).empty());
  given.server_address = "https://index.docker.io/v1/";
  CHECK(credentials_for(primary, hub, given).username == "u");
  CHECK(credentials_for(mirror, hub, given).empty());
  given.server_address = "mirror.io";
  CHECK(credentials_for(primary, hub, given).empty());
  CHECK(credentials_for(mirror, hub, given).username == "u");
  given.server_address = "quay.io";
  CHECK(credentials_for(Endpoint{"rewritten.io", "x", false, false}, *parse_reference("quay.io/x"), given)
            .username == "u");
}

TEST_CASE("addresses in errors hold no secrets") {
  CHECK(redact_url("https://user:pw@host:1/a/b?token=s#f") == "https://host:1/a/b");
  CHECK(redact_url("https://host/a@b") == "https://host/a@b");
  CHECK(redact_url("?x=1").empty());
}

TEST_CASE("redirects stay within http, and never leave https for it") {
  CHECK(*resolve_redirect("https://a/v2/x", "/y?z=1") == "https://a/y?z=1");
  CHECK(*resolve_redirect("http://a:5000/v2/x", "https://b/y") == "https://b/y");
  for (const char* bad :
       {"", "http://a/y", "file:///etc/passwd", "ftp://a/", "https://user:pw@b/", "gopher://x"}) {
    INFO(bad);
    CHECK_FALSE(resolve_redirect("https://a/v2/x", bad));
  }
  CHECK(*url_origin("https://a/x") == *url_origin("https://a:443/y"));
  CHECK(*url_origin("https://a/x") != *url_origin("http://a/x"));
  CHECK(*url_origin("https://a/x") != *url_origin("https://a:8443/x"));
  CHECK(percent_encode("a b/c:é~") == "a%20b%2Fc%3A%C3%A9~");
}

TEST_CASE("a status is told in the server's words when they are safe to show") {
  HttpResponse response;
  response.status = 404;
  response.body = R"({"errors":[{"code":"MANIFEST_UNKNOWN","message":"no\u0007t here"}]})";
  CHECK(describe_status(response).to_string() ==
        "the registry answered with status 404 (MANIFEST_UNKNOWN: no?t here)");
  CHECK(describe_status(response).code() == Code::kNotFound);
  response.body = "<html>";
  response.status = 503;
  CHECK(describe_status(response).to_string() == "the registry answered with status 503");
  CHECK(describe_status(response).code() == Code::kUnavailable);
  for (const char* odd : {"[]", R"({"errors":{}})", R"({"errors":[5]})", R"({"errors":[{"code":5}]})"}) {
    response.body = odd;
    CHECK(describe_status(response).to_string() == "the registry answered with status 503");
  }
}

}  // namespace berth::image
