// SPDX-License-Identifier: Apache-2.0
#include "pid1/message.h"

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

using namespace berth;
using namespace berth::pid1;
using shim::Type;

namespace {

constexpr size_t kFds = 5;

shim::ObjectId good_id() {
  shim::ObjectId id;
  std::memset(id.hex, '0', sizeof id.hex);
  return id;
}

shim::Launch good_launch() {
  shim::Launch launch = {};
  launch.id = good_id();
  launch.flags = shim::kGivenStdio;
  launch.plan_fd = 0;
  launch.first_plan_fd = 1;
  launch.plan_fd_count = 2;
  for (uint32_t& fd : launch.stdio_fd) fd = shim::kNoFd;
  launch.log_dir_fd = 3;
  launch.oom_fd = 4;
  launch.journal_fd = shim::kNoFd;
  std::strcpy(launch.log_name, "0.log");
  return launch;
}

template <class T>
std::vector<unsigned char> packet(Type type, const T& body, size_t extra = 0, uint16_t version = 1) {
  const shim::Header header = {shim::kMagic, type, version, 42};
  std::vector<unsigned char> bytes(sizeof header + sizeof body + extra);
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + sizeof header, &body, sizeof body);
  return bytes;
}

int parse(const std::vector<unsigned char>& bytes, size_t fds = kFds) {
  Request request;
  return parse_request(bytes.data(), bytes.size(), fds, request);
}

template <class Change>
int parse_launch(Change&& change, size_t fds = kFds) {
  shim::Launch launch = good_launch();
  change(launch);
  return parse(packet(Type::kLaunch, launch), fds);
}

}  // namespace

TEST_CASE("A good request is read, and bytes that a newer daemon adds are ignored") {
  Request request;
  const auto bytes = packet(Type::kLaunch, good_launch(), 100);
  REQUIRE(parse_request(bytes.data(), bytes.size(), kFds, request) == 0);
  CHECK(request.header.seq == 42);
  CHECK(std::string(request.launch.log_name) == "0.log");
}

TEST_CASE("A request that is cut anywhere is refused") {
  const auto whole = packet(Type::kLaunch, good_launch());
  for (size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    const std::vector<unsigned char> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK(parse(cut) == (size < sizeof(shim::Header) ? EBADMSG : EPROTO));
  }
}

TEST_CASE("Strangers, unknown types and unknown versions are told apart") {
  auto stranger = packet(Type::kList, 0);
  stranger[0] ^= 1;
  CHECK(parse(stranger) == EBADMSG);
  CHECK(parse(packet(static_cast<Type>(0), 0)) == EOPNOTSUPP);
  CHECK(parse(packet(Type::kReply, shim::Reply{})) == EOPNOTSUPP);
  CHECK(parse(packet(Type::kExited, good_launch())) == EOPNOTSUPP);
  CHECK(parse(packet(Type::kList, 0, 0, 2)) == EPROTONOSUPPORT);
  CHECK(parse(packet(Type::kHello, shim::Hello{1, 9, 0}, 0, 9)) == 0);
}

TEST_CASE("Descriptor positions outside of what came along are refused") {
  CHECK(parse_launch([](auto&) {}) == 0);
  CHECK(parse_launch([](auto&) {}, 4) == EPROTO);
  CHECK(parse_launch([](auto& l) { l.plan_fd = shim::kNoFd; }) == EPROTO);
  CHECK(parse_launch([](auto& l) { l.plan_fd = 5; }) == EPROTO);
  CHECK(parse_launch([](auto& l) { l.plan_fd_count = 5; }) == EPROTO);
  CHECK(parse_launch([](auto& l) { l.plan_fd_count = UINT32_MAX; }) == EPROTO);
  CHECK(parse_launch([](auto& l) { l.first_plan_fd = UINT32_MAX; }) == EPROTO);
  CHECK(parse_launch([](auto& l) { l.plan_fd_count = 0, l.first_plan_fd = UINT32_MAX; }) == 0);
  CHECK(parse_launch([](auto& l) { l.stdio_fd[2] = 5; }) == EPROTO);
  CHECK(parse_launch([](auto& l) { l.stdio_fd[2] = 5, l.flags = 0; }) == 0);
  CHECK(parse_launch([](auto& l) { l.oom_fd = 5; }) == EPROTO);
  CHECK(parse_launch([](auto& l) { l.journal_fd = 5; }) == EPROTO);
  shim::InitPod pod = {};
  pod.pod = good_id();
  CHECK(parse(packet(Type::kInitPod, pod)) == 0);
  pod.into_cgroup_fd = 5;
  CHECK(parse(packet(Type::kInitPod, pod)) == EPROTO);
  pod.into_cgroup_fd = 0;
  pod.user_fd = 5;
  CHECK(parse(packet(Type::kInitPod, pod)) == EPROTO);
}

TEST_CASE("IDs are 64 lower-case hex digits and log names end") {
  for (const char bad : {'g', 'A', '/', '.', '\0', ' '}) {
    shim::ObjectRequest request = {good_id()};
    request.id.hex[63] = bad;
    CHECK(parse(packet(Type::kStart, request)) == EPROTO);
    CHECK(parse(packet(Type::kRemove, request)) == EPROTO);
    CHECK(parse_launch([&](auto& l) { l.id.hex[0] = bad; }) == EPROTO);
  }
  CHECK(parse_launch([](auto& l) { std::memset(l.log_name, 'n', sizeof l.log_name); }) == EPROTO);
  CHECK(parse_launch([](auto& l) { l.log_name[0] = 0; }) == EPROTO);
  CHECK(parse_launch([](auto& l) { l.log_name[0] = 0, l.log_dir_fd = shim::kNoFd; }) == 0);
}
