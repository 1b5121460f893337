// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "plan_fixture.hpp"
#include "runtime/plan_layout.hpp"

// What needs no root: everything but the clones of bind sources.
namespace berth::runtime {
namespace {

UniqueFd some_file() {
  return UniqueFd(::open("/dev/null", O_WRONLY | O_CLOEXEC));
}

Plan exec_plan() {
  using oci::NamespaceType;
  auto plan = compile_exec(test::small_spec().process, {{NamespaceType::kPid, NamespaceType::kMount}},
                           test::pod_options().seccomp);
  REQUIRE(plan);
  return std::move(**plan);
}

Plan container_without_binds() {
  oci::Spec spec = test::small_spec();
  spec.mounts.resize(4);
  auto plan = compile_container(spec, test::pod_options());
  REQUIRE(plan);
  return std::move(**plan);
}

PlanResources resources(std::size_t cgroups) {
  PlanResources out;
  for (std::size_t i = 0; i < cgroups; ++i) out.cgroup_tasks.push_back(some_file());
  out.rootfs = some_file();
  out.target = some_file();
  return out;
}

std::string content(const UniqueFd& memfd) {
  std::string bytes(static_cast<std::size_t>(::lseek(memfd.get(), 0, SEEK_END)), '\0');
  REQUIRE(::pread(memfd.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  return bytes;
}

Plan decoded(const LaunchPlan& launch) {
  const std::string bytes = content(launch.memfd);
  auto plan = decode_plan(std::as_bytes(std::span(bytes)));
  REQUIRE(plan);
  return *plan;
}

TEST_CASE("a container joins every cgroup it is given, each step with its label", "[runtime][plan]") {
  const auto launch = materialise(container_without_binds(), resources(3));
  REQUIRE(launch);
  const Plan plan = decoded(*launch);
  CHECK(plan.ops.size() == launch->labels.size());
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(plan.ops[i].kind == plan::OpKind::kJoinCgroup);
    CHECK(std::get<NumberedFd>(plan.ops[i].fd).index == i);
    CHECK(launch->labels[i] == "join the container's cgroup");
  }
  CHECK(launch->labels.back() == "run sh");
  // Three cgroups, the root file system, and one /dev/null for both masks.
  CHECK(launch->fds.size() == 5);
}

TEST_CASE("a container that is born in its cgroup has none to join", "[runtime][plan]") {
  PlanResources given = resources(0);
  given.cgroup_v2 = some_file();
  const auto launch = materialise(container_without_binds(), std::move(given));
  REQUIRE(launch);
  CHECK(decoded(*launch).ops.front().kind == plan::OpKind::kOomScoreAdj);
  plan::Header header;
  REQUIRE(::pread(launch->memfd.get(), &header, sizeof header, 0) == sizeof header);
  CHECK(header.into_cgroup_fd == header.fd_count - 1);
}

TEST_CASE("an exec sends the container's process once, for its namespaces and for its pid namespace",
          "[runtime][plan]") {
  const auto launch = materialise(exec_plan(), resources(1));
  REQUIRE(launch);
  const Plan plan = decoded(*launch);
  const FdRequest& setns = plan.ops[test::position(plan, plan::OpKind::kSetns)].fd;
  CHECK(std::get<NumberedFd>(setns).index == std::get<NumberedFd>(plan.join_pid).index);
  CHECK(launch->fds.size() == 2);
}

TEST_CASE("a materialised plan cannot be changed any more", "[runtime][plan]") {
  const auto launch = materialise(exec_plan(), resources(1));
  REQUIRE(launch);
  const int seals = ::fcntl(launch->memfd.get(), F_GET_SEALS);
  constexpr int kAll = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  CHECK((seals & kAll) == kAll);
  CHECK(::pwrite(launch->memfd.get(), "x", 1, 0) == -1);
  CHECK((::fcntl(launch->memfd.get(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("no two processes get a session keyring of the same name", "[runtime][plan]") {
  const auto name = [] {
    const auto launch = materialise(exec_plan(), resources(0));
    REQUIRE(launch);
    const Plan plan = decoded(*launch);
    return plan.ops[test::position(plan, plan::OpKind::kKeyring)].text.value();
  };
  CHECK(name() != name());
}

TEST_CASE("a missing resource is an error, not a plan without it", "[runtime][plan]") {
  PlanResources given = resources(1);
  given.target.reset();
  CHECK_FALSE(materialise(exec_plan(), std::move(given)));
  given = resources(1);
  given.rootfs.reset();
  CHECK_FALSE(materialise(container_without_binds(), std::move(given)));
}

TEST_CASE("more descriptors than one message carries are refused", "[runtime][plan]") {
  const auto launch = materialise(container_without_binds(), resources(plan::kMaxFds + 1));
  REQUIRE_FALSE(launch);
  CHECK(launch.error().code() == Code::kInvalidArgument);
}

TEST_CASE("a namespace path that is something else is refused by name", "[runtime][plan]") {
  struct Case {
    oci::NamespaceType type;
    const char* path;
  };
  for (const Case& item :
       {Case{oci::NamespaceType::kNetwork, "/nonexistent/ns"},
        Case{oci::NamespaceType::kNetwork, "/dev/null"},
        Case{oci::NamespaceType::kNetwork, "/proc/self/ns/uts"}, Case{oci::NamespaceType::kPid, "/etc"}}) {
    INFO(item.path);
    Plan plan;
    plan.argv = plan.candidates = {"/x"};
    plan.add(
        {.kind = plan::OpKind::kSetns, .phase = plan::Phase::kJoin, .fd = NamespaceFd{item.type, item.path}});
    const auto launch = materialise(std::move(plan), {});
    REQUIRE_FALSE(launch);
    CHECK(launch.error().code() == Code::kInvalidArgument);
    CHECK_THAT(launch.error().to_string(), Catch::Contains(item.path));
  }
  Plan right;
  right.argv = right.candidates = {"/x"};
  right.add({.kind = plan::OpKind::kSetns,
             .phase = plan::Phase::kJoin,
             .fd = NamespaceFd{oci::NamespaceType::kNetwork, "/proc/self/ns/net"}});
  CHECK(materialise(std::move(right), {}));
}

}  // namespace
}  // namespace berth::runtime
