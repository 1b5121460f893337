// SPDX-License-Identifier: Apache-2.0
#include "netcni/arguments.hpp"

#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <vector>

#include "fake_node.hpp"
#include "netcni/quantity.hpp"

namespace berth::netcni {
namespace {

using test::pod_request;

std::string reason(const std::function<void(AttachRequest&)>& change) {
  AttachRequest request = pod_request();
  change(request);
  const auto arguments = arguments_of(request);
  return arguments ? "" : arguments.error().to_string();
}

TEST_CASE("values that the plugins' environment cannot carry are refused", "[netcni][arguments]") {
  CHECK_THAT(reason([](AttachRequest& r) { r.name = "a;CNI_X=1"; }), Catch::Contains("invalid pod name"));
  CHECK_THAT(reason([](AttachRequest& r) { r.namespace_ = "a=b"; }),
             Catch::Contains("invalid pod namespace"));
  CHECK_THAT(reason([](AttachRequest& r) { r.uid = "a\nb"; }), Catch::Contains("invalid pod uid"));
  CHECK_THAT(reason([](AttachRequest& r) { r.uid = std::string("a\0b", 3); }),
             Catch::Contains("invalid pod uid"));
  CHECK_THAT(reason([](AttachRequest& r) { r.pod_id = ""; }), Catch::Contains("invalid pod id"));
  CHECK_THAT(reason([](AttachRequest& r) { r.pod_id = "-a"; }), Catch::Contains("invalid pod id"));
  CHECK_THAT(reason([](AttachRequest& r) { r.pod_id = "a/b"; }), Catch::Contains("invalid pod id"));
  CHECK_THAT(reason([](AttachRequest& r) { r.netns = "run/ns"; }), Catch::Contains("not an absolute path"));
  CHECK_THAT(reason([](AttachRequest& r) { r.netns = std::string("/a\0b", 4); }),
             Catch::Contains("not an absolute path"));
  CHECK_THAT(reason([](AttachRequest& r) {
               r.port_mappings = {{"icmp", 1, 1, ""}};
             }),
             Catch::Contains("unknown protocol"));
  CHECK_THAT(reason([](AttachRequest& r) {
               r.port_mappings = {{"tcp", 0, 80, ""}};
             }),
             Catch::Contains("no container port"));
  CHECK_THAT(reason([](AttachRequest& r) { r.annotations["kubernetes.io/egress-bandwidth"] = "fast"; }),
             Catch::Contains("annotation kubernetes.io/egress-bandwidth: bandwidth \"fast\""));
}

TEST_CASE("what there is nothing to say about is not offered to plugins", "[netcni][arguments]") {
  AttachRequest request = pod_request();
  request.port_mappings = {{"tcp", 80, 0, ""}};  // no host port: nothing to map
  const auto arguments = arguments_of(request);
  REQUIRE(arguments);
  CHECK(to_text(arguments->capabilities) == "{}");
}

TEST_CASE("ports, limits, names and annotations are offered in the conventions' form",
          "[netcni][arguments]") {
  AttachRequest request = pod_request();
  request.port_mappings = {{"TCP", 80, 8080, "127.0.0.1"}, {"udp", 53, 5353, ""}};
  request.annotations = {{"kubernetes.io/ingress-bandwidth", "1M"}};
  request.dns_servers = {"10.0.0.10"};
  request.dns_options = {"ndots:5"};
  request.cgroup_parent = "/kubepods/pod1";
  const auto arguments = arguments_of(request);
  REQUIRE(arguments);
  CHECK(to_text(arguments->capabilities) ==
        R"({"bandwidth":{"ingressBurst":2147483647,"ingressRate":1000000},"cgroupPath":"/kubepods/pod1",)"
        R"("dns":{"options":["ndots:5"],"servers":["10.0.0.10"]},)"
        R"("io.kubernetes.cri.pod-annotations":{"kubernetes.io/ingress-bandwidth":"1M"},)"
        R"("portMappings":[{"containerPort":80,"hostIP":"127.0.0.1","hostPort":8080,"protocol":"tcp"},)"
        R"({"containerPort":53,"hostPort":5353,"protocol":"udp"}]})");
}

TEST_CASE("bandwidths are Kubernetes quantities within Kubernetes' limits", "[netcni][quantity]") {
  struct Row {
    std::string text;
    std::uint64_t bits;  ///< 0: refused
  };
  const std::vector<Row> rows = {
      {"1k", 1000},
      {"10M", 10'000'000},
      {"+10M", 10'000'000},
      {"1.5G", 1'500'000'000},
      {"1Ki", 1024},
      {"1.5Ki", 1536},
      {"1P", 1'000'000'000'000'000},
      {"2e6", 2'000'000},
      {"2E+6", 2'000'000},
      {"0.001E", 1'000'000'000'000'000},
      {"1.1k", 1100},
      {"1000000m", 1000},
      {"1000.5", 1001},
      {".5M", 500'000},
      {"5.M", 5'000'000},
      {"", 0},
      {"M", 0},
      {".", 0},
      {"10m", 0},
      {"999", 0},
      {"1.1P", 0},
      {"1E", 0},
      {"-5M", 0},
      {"1.2.3k", 0},
      {"5 M", 0},
      {"5MB", 0},
      {"1e", 0},
      {"1e999", 0},
      {"1e-400", 0},
      {"nan", 0},
      {"0x10k", 0},
      {std::string(80, '9'), 0},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    const auto bits = parse_bandwidth(row.text);
    CHECK((bits ? *bits : 0) == row.bits);
  }
}

TEST_CASE("stored arguments are read back the same, and hostile ones are refused", "[netcni][arguments]") {
  AttachRequest request = pod_request();
  request.port_mappings = {{"tcp", 80, 8080, ""}};
  const auto arguments = arguments_of(request);
  REQUIRE(arguments);
  const auto restored = arguments_from_json(to_json(*arguments));
  REQUIRE(restored);
  CHECK(to_json(*restored) == to_json(*arguments));

  for (const auto& [key, value] :
       std::vector<std::pair<std::string, Json>>{{"containerId", "../x"},
                                                 {"netns", "relative"},
                                                 {"ifName", "../eth0"},
                                                 {"cniArgs", "a\nLD_PRELOAD=x"},
                                                 {"cniArgs", std::string("a\0b", 3)},
                                                 {"runtimeConfig", "text"}}) {
    INFO(key);
    Json changed = Json::parse(to_json(*arguments));
    changed[key] = value;
    CHECK_FALSE(arguments_from_json(changed.dump()));
    changed.erase(key);
    CHECK_FALSE(arguments_from_json(changed.dump()));
  }
}

}  // namespace
}  // namespace berth::netcni
