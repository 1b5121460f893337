// SPDX-License-Identifier: Apache-2.0
#include "netcni/conflist.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace berth::netcni {
namespace {

std::string reason(const std::string& text, bool single = false) {
  const auto list = single ? parse_conf(text, "x") : parse_conflist(text, "x");
  return list ? "" : list.error().to_string();
}

TEST_CASE("broken network configurations are refused with the reason", "[netcni][conflist]") {
  struct Row {
    std::string text;
    std::string reason;
  };
  const std::vector<Row> rows = {
      {"", "not valid JSON"},
      {"[]", "not a JSON object"},
      {R"({"cniVersion":"1.0.0","plugins":[{"type":"a"}]})", "\"name\" is missing"},
      {R"({"cniVersion":"1.0.0","name":7,"plugins":[{"type":"a"}]})", "\"name\" is not a string"},
      {R"({"cniVersion":"1.0.0","name":"../x","plugins":[{"type":"a"}]})", "invalid network name"},
      {R"({"cniVersion":"1.0.0","name":".x","plugins":[{"type":"a"}]})", "invalid network name"},
      {R"({"cniVersion":"1.0.0","name":"a b","plugins":[{"type":"a"}]})", "invalid network name"},
      {R"({"name":"n","plugins":[{"type":"a"}]})", "\"cniVersion\" is missing"},
      {R"({"cniVersion":"0.2.0","name":"n","plugins":[{"type":"a"}]})", "0.2.0 is not supported"},
      {R"({"cniVersion":"2.0.0","name":"n","plugins":[{"type":"a"}]})", "2.0.0 is not supported"},
      {R"({"cniVersion":1,"name":"n","plugins":[{"type":"a"}]})", "version is not a string"},
      {R"({"cniVersion":"1.0.0","name":"n"})", "\"plugins\" is not a list"},
      {R"({"cniVersion":"1.0.0","name":"n","plugins":[]})", "at least one"},
      {R"({"cniVersion":"1.0.0","name":"n","plugins":["a"]})", "plugin 1 is not a JSON object"},
      {R"({"cniVersion":"1.0.0","name":"n","plugins":[{"type":"a"},{}]})", "plugin 2: \"type\" is missing"},
      {R"({"cniVersion":"1.0.0","name":"n","plugins":[{"type":"../sh"}]})", "invalid plugin type"},
      {R"({"cniVersion":"1.0.0","name":"n","plugins":[{"type":".."}]})", "invalid plugin type"},
      {R"({"cniVersion":"1.0.0","name":"n","plugins":[{"type":""}]})", "invalid plugin type"},
      {R"({"cniVersion":"1.0.0","name":"n","plugins":[{"type":"a\u0000b"}]})", "invalid plugin type"},
      {R"({"cniVersion":"1.0.0","name":"n","disableCheck":1,"plugins":[{"type":"a"}]})",
       "neither true nor false"},
      {R"({"cniVersion":"1.0.0","name":"n","plugins":[{"type":"a","capabilities":[]}]})",
       "\"capabilities\" is not an object"},
      {R"({"cniVersion":"1.0.0","name":"n","plugins":[{"type":"a","capabilities":{"dns":"yes"}}]})",
       "not a boolean"},
      {R"({"cniVersion":"1.0.0","name":"n","name":"m","plugins":[{"type":"a"}]})", "twice"},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    CHECK_THAT(reason(row.text), Catch::Contains(row.reason));
  }
  CHECK_THAT(reason(std::string(kMaxConfSize + 1, ' ')), Catch::Contains("longer than"));
  CHECK_THAT(reason(R"({"cniVersion":"1.0.0","name":"n","plugins":[{"type":"a"}]})", true),
             Catch::Contains("\"type\" is missing"));
}

TEST_CASE("of several offered CNI versions the newest that we speak is used", "[netcni][conflist]") {
  const auto version = [](const std::string& members) {
    const auto list = parse_conflist("{" + members + R"(,"name":"n","plugins":[{"type":"a"}]})", "x");
    return list ? list->version : list.error().to_string();
  };
  CHECK(version(R"("cniVersion":"0.3.1")") == "0.3.1");
  CHECK(version(R"("cniVersion":"1.1.0")") == "1.1.0");
  CHECK(version(R"("cniVersions":["0.4.0","1.0.0","9.0.0"])") == "1.0.0");
  CHECK(version(R"("cniVersion":"1.1.0","cniVersions":["0.4.0"])") == "1.1.0");
  CHECK_THAT(version(R"("cniVersions":["9.0.0","0.1.0"])"), Catch::Contains("9.0.0, 0.1.0 is not supported"));
}

TEST_CASE("disableCheck is a boolean, or a string as older specs had it", "[netcni][conflist]") {
  const auto disabled = [](const std::string& value) {
    const auto list = parse_conflist(
        R"({"cniVersion":"1.0.0","name":"n","plugins":[{"type":"a"}],"disableCheck":)" + value + "}", "x");
    REQUIRE(list);
    return list->disable_check;
  };
  CHECK(disabled("true"));
  CHECK(disabled("\"true\""));
  CHECK_FALSE(disabled("false"));
  CHECK_FALSE(disabled("\"false\""));
  CHECK_FALSE(disabled("null"));
}

TEST_CASE("a single configuration becomes a list that reads back the same", "[netcni][conflist]") {
  const auto single =
      parse_conf(R"({"cniVersion":"0.4.0","name":"n","type":"bridge","ipam":{"type":"host-local"}})", "x");
  REQUIRE(single);
  CHECK(single->name == "n");
  REQUIRE(single->plugins.size() == 1);
  const auto list = parse_conflist(single->text, "y");
  REQUIRE(list);
  CHECK(list->version == "0.4.0");
  CHECK(plugin_input(*list, list->plugins[0], Json(), Json::object()) ==
        plugin_input(*single, single->plugins[0], Json(), Json::object()));
}

TEST_CASE("a plugin is told only of the capabilities that it declared", "[netcni][conflist]") {
  const auto list = parse_conflist(R"({"cniVersion":"1.0.0","name":"n","plugins":[
    {"type":"a","name":"own","cniVersion":"0.1.0","capabilities":{"portMappings":true,"dns":false,"ips":true},
     "runtimeConfig":{"mac":"preset"},"prevResult":{"preset":1},"cni.dev/x":1,"args":{"keep":1}},
    {"type":"b"}]})",
                                   "x");
  REQUIRE(list);
  const Json arguments{
      {"portMappings", Json::array({1})}, {"dns", Json{{"servers", "s"}}}, {"cgroupPath", "/p"}};
  CHECK(
      plugin_input(*list, list->plugins[0], Json(), arguments) ==
      R"({"args":{"keep":1},"cniVersion":"1.0.0","name":"n","runtimeConfig":{"portMappings":[1]},"type":"a"})");
  CHECK(plugin_input(*list, list->plugins[1], Json{{"ips", 1}}, arguments) ==
        R"({"cniVersion":"1.0.0","name":"n","prevResult":{"ips":1},"type":"b"})");
}

}  // namespace
}  // namespace berth::netcni
