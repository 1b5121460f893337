// SPDX-License-Identifier: Apache-2.0
#include "daemon/spec/user_namespace.hpp"

#include <google/protobuf/text_format.h>

#include <catch2/catch.hpp>

namespace berth::daemon {
namespace {

constexpr const char* kRanges =
    "uids { host_id: 1000000 container_id: 0 length: 65536 } gids { host_id: 2000000 container_id: 0 length: "
    "65536 }";

std::string options(const std::string& userns, const std::string& more = "", const std::string& modes = "") {
  return "linux { security_context { " + more + " namespace_options { " + modes + " userns_options { " +
         userns + " } } } }";
}

template <class Message>
Message parse(const std::string& text) {
  Message message;
  REQUIRE(google::protobuf::TextFormat::ParseFromString(text, &message));
  return message;
}

cri::PodSandboxConfig pod(const std::string& userns, const std::string& more = "",
                          const std::string& modes = "") {
  return parse<cri::PodSandboxConfig>(options(userns, more, modes));
}

std::string refusal(const cri::PodSandboxConfig& config) {
  auto checked = check_user_namespace("pod", config.linux().security_context());
  if (checked) return "";
  CHECK(checked.error().code() == Code::kInvalidArgument);
  return checked.error().to_string();
}

}  // namespace

TEST_CASE("A pod has the user namespace that it asks for, and none without or with mode NODE") {
  const IdMaps maps = id_maps_of(pod(kRanges));
  REQUIRE(maps.uids.size() == 1);
  CHECK(maps.uids[0].host_id == 1000000);
  CHECK(maps.gids[0].host_id == 2000000);
  CHECK(maps.gids[0].size == 65536);
  CHECK_FALSE(id_maps_of(cri::PodSandboxConfig()));
  CHECK_FALSE(id_maps_of(pod("mode: NODE")));
  CHECK(refusal(pod(kRanges)).empty());
  CHECK(refusal(pod("mode: NODE")).empty());
  CHECK(refusal(cri::PodSandboxConfig()).empty());
}

TEST_CASE("User namespaces of other shapes are refused by what is wrong with them") {
  const std::string one = "host_id: 5 container_id: 0 length: 10";
  const struct {
    std::string userns, words;
  } rows[] = {
      {"mode: POD", "exactly one range"},
      {"mode: CONTAINER", ".mode must be POD or NODE"},
      {"mode: TARGET", ".mode must be POD or NODE"},
      {"uids { " + one + " }", "exactly one range"},
      {"uids { " + one + " } uids { " + one + " } gids { " + one + " }", "exactly one range"},
      {"uids { host_id: 5 container_id: 1 length: 10 } gids { " + one + " }", "begin with 0"},
      {"uids { host_id: 5 length: 9 } gids { " + one + " }", "not equally long"},
      {"uids { host_id: 5 length: 0 } gids { host_id: 5 length: 0 }", "userns_options.uids"},
      {"uids { host_id: 4294967295 length: 2 } gids { host_id: 5 length: 2 }", "userns_options.uids"},
  };
  for (const auto& row : rows) CHECK_THAT(refusal(pod(row.userns)), Catch::Contains(row.words));
}

TEST_CASE("A pod with a user namespace is not privileged and has no namespace of the host") {
  CHECK_THAT(refusal(pod(kRanges, "privileged: true")), Catch::Contains("privileged"));
  for (const char* mode : {"network: NODE", "pid: NODE", "ipc: NODE"}) {
    CHECK_THAT(refusal(pod(kRanges, "", mode)), Catch::Contains("of the host"));
  }
}

TEST_CASE("A container names its pod's user namespace or nothing") {
  const auto container = [](const std::string& userns) {
    return parse<cri::ContainerConfig>(options(userns));
  };
  CHECK(check_same_user_namespace(pod(kRanges), container(kRanges)));
  CHECK(check_same_user_namespace(pod(kRanges), cri::ContainerConfig()));
  CHECK(check_same_user_namespace(cri::PodSandboxConfig(), container("mode: NODE")));
  CHECK_FALSE(check_same_user_namespace(pod(kRanges), container("mode: NODE")));
  CHECK_FALSE(check_same_user_namespace(cri::PodSandboxConfig(), container(kRanges)));
  CHECK_FALSE(check_same_user_namespace(pod(kRanges), container("uids { host_id: 1 length: 1 }")));
}

TEST_CASE("A range of groups that may ping is meant in the pod's numbers, and ends where those end") {
  const IdMaps maps = id_maps_of(pod(kRanges));
  const std::string key = "net.ipv4.ping_group_range";
  CHECK(sysctl_for_host(maps, key, "0 2147483647") == "2000000 2065535");
  CHECK(sysctl_for_host(maps, key, "10 20") == "2000010 2000020");
  CHECK(sysctl_for_host(maps, key, "1 0") == "1 0");  // nobody
  CHECK(sysctl_for_host(maps, key, "70000 80000") == "70000 80000");
  CHECK(sysctl_for_host(maps, key, "x") == "x");
  CHECK(sysctl_for_host(maps, "net.ipv4.ip_forward", "1") == "1");
  CHECK(sysctl_for_host({}, key, "0 5") == "0 5");
}

}  // namespace berth::daemon
