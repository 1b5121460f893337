// SPDX-License-Identifier: Apache-2.0
#include "netcni/result.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace berth::netcni {
namespace {

std::vector<std::string> ips_of(const std::string& text) {
  const auto result = parse_result(text, "1.0.0", "x");
  INFO((result ? "" : result.error().to_string()));
  REQUIRE(result);
  return pod_ips(*result, "eth0");
}

using Ips = std::vector<std::string>;

TEST_CASE("broken plugin results are refused with the reason", "[netcni][result]") {
  struct Row {
    std::string text;
    std::string reason;
  };
  const std::vector<Row> rows = {
      {"", "not valid JSON"},
      {"null", "not a JSON object"},
      {R"({"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.1/8"}})", "\"0.2.0\" is not supported"},
      {R"({"cniVersion":1})", "is not a string"},
      {R"({"ips":{}})", "\"ips\" is not a list"},
      {R"({"ips":["10.0.0.1/8"]})", "not a JSON object"},
      {R"({"ips":[{}]})", "\"address\" is missing"},
      {R"({"ips":[{"address":"10.0.0.1"}]})", "not an IP address with prefix"},
      {R"({"ips":[{"address":"10.0.0.1/33"}]})", "not an IP address with prefix"},
      {R"({"ips":[{"address":"10.0.0.1/8x"}]})", "not an IP address with prefix"},
      {R"({"ips":[{"address":"10.0.0.1/"}]})", "not an IP address with prefix"},
      {R"({"ips":[{"address":"10.0.0/8"}]})", "not an IP address with prefix"},
      {R"({"ips":[{"address":"fd00::1/129"}]})", "not an IP address with prefix"},
      {R"({"ips":[{"address":"/8"}]})", "not an IP address with prefix"},
      {R"({"ips":[{"address":"10.0.0.1\u0000/8"}]})", "not an IP address with prefix"},
      {R"({"ips":[{"address":"10.0.0.1/8","gateway":"gw"}]})", "gateway \"gw\""},
      {R"({"ips":[{"address":"10.0.0.1/8","interface":0}]})", "not listed"},
      {R"({"ips":[{"address":"10.0.0.1/8","interface":-1}],"interfaces":[{"name":"a"}]})", "not listed"},
      {R"({"ips":[{"address":"10.0.0.1/8","interface":1}],"interfaces":[{"name":"a"}]})", "not listed"},
      {R"({"interfaces":[{}]})", "\"name\" is missing"},
      {R"({"interfaces":[{"name":"a","sandbox":1}]})", "\"sandbox\" is not a string"},
      {R"({"dns":[]})", "\"dns\" is not an object"},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    const auto result = parse_result(row.text, "1.0.0", "x");
    REQUIRE_FALSE(result);
    CHECK_THAT(result.error().to_string(), Catch::Contains(row.reason));
  }
}

TEST_CASE("the pod's addresses are those of its eth0, in the plugin's order", "[netcni][result]") {
  CHECK(
      ips_of(
          R"({"cniVersion":"0.4.0","interfaces":[{"name":"eth0"},{"name":"eth0","sandbox":"/s"},{"name":"net1","sandbox":"/s"}],
    "ips":[{"version":"4","address":"10.9.0.1/24","interface":0},{"version":"4","address":"10.8.0.1/24","interface":2},
           {"version":"6","address":"FD00:0::5/64","interface":1},{"version":"4","address":"10.1.0.5/24","interface":1}]})") ==
      Ips{"fd00::5", "10.1.0.5"});
}

TEST_CASE("addresses tied to no interface, or to another of the pod's, are second and third choice",
          "[netcni][result]") {
  CHECK(ips_of(R"({"cniVersion":"0.3.1","interfaces":[{"name":"net1","sandbox":"/s"}],
    "ips":[{"version":"4","address":"10.1.0.5/24","interface":0},{"version":"4","address":"10.1.0.6/24"}]})") ==
        Ips{"10.1.0.6"});
  CHECK(
      ips_of(
          R"({"interfaces":[{"name":"net1","sandbox":"/s"}],"ips":[{"address":"10.1.0.5/24","interface":0}]})") ==
      Ips{"10.1.0.5"});
}

TEST_CASE("addresses of host interfaces are never the pod's", "[netcni][result]") {
  CHECK(ips_of(R"({"interfaces":[{"name":"eth0"},{"name":"eth0","sandbox":""},{"name":"eth0","sandbox":null}],
    "ips":[{"address":"10.1.0.5/24","interface":0},{"address":"10.1.0.6/24","interface":1},{"address":"10.1.0.7/24","interface":2}]})")
            .empty());
}

TEST_CASE("a result is kept as it is, apart from a missing version", "[netcni][result]") {
  const auto result = parse_result(
      R"({"ips":null,"routes":[{"dst":"0.0.0.0/0","mtu":1}],"custom":{"a":[1.5]}})", "0.4.0", "x");
  REQUIRE(result);
  CHECK(to_text(*result) ==
        R"({"cniVersion":"0.4.0","custom":{"a":[1.5]},"ips":null,"routes":[{"dst":"0.0.0.0/0","mtu":1}]})");
}

}  // namespace
}  // namespace berth::netcni
