// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "plan_fixture.hpp"

// The plans that reviewers read: BERTH_ACCEPT=1 rewrites tests/golden/plans.
namespace berth::runtime {
namespace {

void check_golden(const std::string& name, const Result<std::unique_ptr<Plan>>& plan) {
  INFO(name);
  REQUIRE(plan);
  const std::string path = std::string(GOLDEN_PLANS) + "/" + name + ".txt";
  const std::string text = dump(**plan);
  if (std::getenv("BERTH_ACCEPT") != nullptr) {
    std::ofstream(path) << text;
    return;
  }
  std::stringstream expected;
  expected << std::ifstream(path).rdbuf();
  CHECK(text == expected.str());
}

TEST_CASE("the plan of a minimal container with a seccomp filter is the reviewed one",
          "[runtime][plan][golden]") {
  check_golden("minimal", compile_container(test::small_spec(), test::pod_options()));
}

TEST_CASE("the plan of a privileged container in the host's namespaces is the reviewed one",
          "[runtime][plan][golden]") {
  oci::Spec spec = test::small_spec();
  spec.root.readonly = false;
  spec.process.no_new_privileges = false;
  spec.process.capabilities->bounding = {"CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_SYS_MODULE"};
  spec.process.capabilities->permitted = spec.process.capabilities->effective =
      spec.process.capabilities->bounding;
  spec.linux_.masked_paths.clear();
  spec.linux_.readonly_paths.clear();
  spec.linux_.namespaces = {{oci::NamespaceType::kMount, ""}};
  spec.linux_.rootfs_propagation = "rshared";
  spec.linux_.devices = {{"/dev/fuse", 'c', 10, 229, 0666, 0, 0},
                         {"/dev/mapper/disk", 'b', 253, 0, 0660, 0, 6}};
  spec.mounts.push_back({"/host", "bind", "/", {"rbind", "rshared"}});
  CompileOptions options = test::pod_options();
  options.pod_namespaces.clear();
  options.seccomp.reset();
  check_golden("privileged", compile_container(spec, options));
}

TEST_CASE("the plan of an exec into a confined container is the reviewed one", "[runtime][plan][golden]") {
  oci::Process process = test::small_spec().process;
  process.apparmor_profile = "berth-default";
  process.selinux_label = "system_u:system_r:container_t:s0:c1,c2";
  using oci::NamespaceType;
  check_golden("confined-exec", compile_exec(process, {{NamespaceType::kPid, NamespaceType::kMount}},
                                             test::pod_options().seccomp));
}

TEST_CASE("the plan of a user's container without no_new_privs loads seccomp before the ids",
          "[runtime][plan][golden]") {
  oci::Spec spec = test::small_spec();
  spec.process.no_new_privileges = false;
  spec.process.user = {.uid = 1000, .gid = 1000, .umask = 0027, .additional_gids = {10, 20, 10}};
  spec.process.cwd = "/home/user";
  spec.process.capabilities->ambient = {"CAP_KILL"};
  check_golden("user-without-no-new-privs", compile_container(spec, test::pod_options()));
}

TEST_CASE("the plan of a container with a terminal is the reviewed one", "[runtime][plan][golden]") {
  oci::Spec spec = test::small_spec();
  spec.process.terminal = true;
  spec.process.console_size = oci::ConsoleSize{.height = 24, .width = 80};
  spec.process.user = {.uid = 1000, .gid = 100, .umask = std::nullopt, .additional_gids = {}};
  check_golden("terminal", compile_container(spec, test::pod_options()));
}

TEST_CASE("the plan of a container that shares its pod's pid namespace is the reviewed one",
          "[runtime][plan][golden]") {
  CompileOptions options = test::pod_options();
  options.pod_namespaces.insert(oci::NamespaceType::kPid);
  check_golden("shared-pid", compile_container(test::small_spec(), options));
}

TEST_CASE("the plan of an exec is the reviewed one", "[runtime][plan][golden]") {
  oci::Process process = test::small_spec().process;
  process.args = {"/bin/ls", "-l"};
  process.create_cwd = false;
  using oci::NamespaceType;
  const ExecTarget target{{NamespaceType::kPid, NamespaceType::kMount, NamespaceType::kNetwork,
                           NamespaceType::kIpc, NamespaceType::kUts, NamespaceType::kCgroup}};
  check_golden("exec", compile_exec(process, target, test::pod_options().seccomp));
}

}  // namespace
}  // namespace berth::runtime
