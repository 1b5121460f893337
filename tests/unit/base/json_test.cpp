// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"

#include <catch2/catch.hpp>

using namespace berth;

namespace {

std::string problem(std::string_view text, std::size_t limit = 100'000) {
  const Result<Json> parsed = parse_json(text, limit, "doc");
  if (parsed) return "accepted";
  CHECK(parsed.error().code() == Code::kInvalidArgument);
  return parsed.error().to_string();
}

std::string nested(std::size_t depth, char open, char close) {
  return std::string(depth, open) + std::string(depth, close);
}

}  // namespace

TEST_CASE("a key that occurs twice is refused at any depth", "[base][json]") {
  CHECK(problem(R"({"a":1,"a":1})") == "parse doc: a key occurs twice in one object");
  CHECK(problem(R"([{"b":{"a":{},"x":[],"a":null}}])") == "parse doc: a key occurs twice in one object");
  CHECK(problem(R"({"a":1,"\u0061":2})") == "parse doc: a key occurs twice in one object");
  CHECK(problem(R"({"a":{"a":1},"b":{"a":1}})") == "accepted");
}

TEST_CASE("nesting over 64 levels is refused", "[base][json]") {
  CHECK(problem(nested(64, '[', ']')) == "accepted");
  CHECK(problem(nested(65, '[', ']')) == "parse doc: nested deeper than 64 levels");
  CHECK(problem(std::string(90'000, '[')) == "parse doc: nested deeper than 64 levels");
  std::string objects;
  for (int i = 0; i < 65; ++i) objects += R"({"k":)";
  CHECK(problem(objects) == "parse doc: nested deeper than 64 levels");
}

TEST_CASE("a document over the size limit is refused unread", "[base][json]") {
  CHECK(problem("[1,2]", 5) == "accepted");
  CHECK(problem("[1,2]", 4) == "parse doc: longer than 4 bytes");
}

TEST_CASE("broken documents are refused without quoting them", "[base][json]") {
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[1,]"), std::string("{\"a\"}"), std::string("nul"),
        std::string("1 2"), std::string("{}x"), std::string("\"\xff\""), std::string("\"a\nb\""),
        std::string("1e999"), std::string("[1]\0", 4), std::string("\0[1]", 4), std::string("NaN"),
        std::string("{'a':1}"), std::string("\"\\ud800\"")}) {
    CAPTURE(text);
    CHECK(problem(text).find("parse doc: not valid JSON at byte ") == 0);
  }
  CHECK(problem(R"({"password":"hunter2" x})").find("hunter2") == std::string::npos);
}

TEST_CASE("a document keeps its values and structure", "[base][json]") {
  const std::string_view text =
      R"({"a":[1,-2,3.5,true,null,"é\n",[],{}],"b":{"c":{"d":[[1],[2,{"e":"f"}]]}},"n":18446744073709551615})";
  const Json value = *parse_json(text, 1000, "doc");
  CHECK(value == Json::parse(text));
  CHECK(*parse_json("7", 1000, "doc") == 7);
  CHECK(parse_json("null", 1000, "doc")->is_null());
}

TEST_CASE("typed access names what is missing or of the wrong type", "[base][json]") {
  const Json value = *parse_json(R"({"s":"x","n":1,"z":null})", 100, "doc");
  CHECK(*json_string(value, "s", "config") == "x");
  CHECK(json_string(value, "q", "config").error().to_string() == "config: \"q\" is missing");
  CHECK(json_string(value, "n", "config").error().to_string() == "config: \"n\" is not a string");
  CHECK(json_string(value, "z", "config").error().code() == Code::kInvalidArgument);
  CHECK(json_string(Json::array(), "s", "config").error().to_string() == "config is not a JSON object");
  CHECK(*json_string_or(value, "s", "y", "config") == "x");
  CHECK(*json_string_or(value, "q", "y", "config") == "y");
  CHECK(*json_string_or(value, "z", "y", "config") == "y");
  CHECK(!json_string_or(value, "n", "y", "config"));
  CHECK(!json_string_or(Json(1), "n", "y", "config"));
}

TEST_CASE("text with invalid UTF-8 is written with replacement characters", "[base][json]") {
  CHECK(to_text(Json{{"k", "a\xff"}}) == "{\"k\":\"a\xef\xbf\xbd\"}");
}
