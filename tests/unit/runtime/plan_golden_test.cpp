// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "plan_fixture.hpp"
#include "runtime/oci/spec_json.hpp"

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

TEST_CASE("A container in a pod's user namespace joins all of the pod's from outside, that one last",
          "[runtime][plan][golden]") {
  CompileOptions options = test::pod_options();
  options.pod_namespaces.insert(oci::NamespaceType::kUser);
  oci::Spec spec = test::small_spec();
  spec.linux_.uid_mappings = spec.linux_.gid_mappings = {{0, 200'000, 65'536}};
  check_golden("pod-user-namespace", compile_container(spec, options));
}

oci::Spec whole_spec() {
  oci::Spec spec = test::small_spec();
  using oci::NamespaceType;
  spec.linux_.namespaces = {{NamespaceType::kPid, ""},    {NamespaceType::kMount, ""},
                            {NamespaceType::kUser, ""},   {NamespaceType::kUts, ""},
                            {NamespaceType::kIpc, ""},    {NamespaceType::kTime, ""},
                            {NamespaceType::kCgroup, ""}, {NamespaceType::kNetwork, ""}};
  spec.linux_.uid_mappings = {{0, 100000, 65536}, {70000, 1000, 1}};
  spec.linux_.gid_mappings = {{0, 200000, 65536}};
  spec.linux_.time_offsets = {{"boottime", {-5, 7}}, {"monotonic", {5000, 0}}};
  spec.linux_.net_devices = {{"eth1", "inner"}};
  spec.linux_.personality = oci::Personality{"LINUX32", {}};
  spec.linux_.memory_policy = oci::MemoryPolicy{"MPOL_BIND", "0-1", {"MPOL_F_STATIC_NODES"}};
  spec.linux_.sysctl = {{"net.ipv4.conf.eth0/5.forwarding", "1"}, {"kernel.shmmax", "65536"}};
  spec.linux_.intel_rdt = oci::IntelRdt{"guest", {}, "L3:0=f", "", false};
  spec.process.scheduler = oci::Scheduler{"SCHED_BATCH", 5, {}, {}, {}, {}, {}};
  spec.process.io_priority = oci::IoPriority{"IOPRIO_CLASS_BE", 6};
  spec.mounts.push_back({"/mapped", "bind", "volume", {"rbind", "ridmap", "rro", "src-nofollow"}});
  spec.mounts.push_back({"/run", "tmpfs", "tmpfs", {"tmpcopyup", "mode=755"}});
  spec.mounts.push_back({"/sys/fs/cgroup", "cgroup", "cgroup", {"ro", "nosuid"}});
  return spec;
}

CompileOptions bundle_options() {
  CompileOptions options = test::pod_options();
  options.pod_namespaces.clear();
  options.bundle = "/bundle";
  options.container_id = "container";
  options.cgroups = {{"cpu,cpuacct", {"cpu", "cpuacct"}, false, "/sys/fs/cgroup/cpu,cpuacct/c"},
                     {"systemd", {"none", "name=systemd"}, false, "/sys/fs/cgroup/systemd/c"},
                     {"unified", {}, true, "/sys/fs/cgroup/unified/c"}};
  return options;
}

TEST_CASE("the plan of a container with namespaces of all kinds is the reviewed one",
          "[runtime][plan][golden]") {
  check_golden("all-namespaces", compile_container(whole_spec(), bundle_options()));
}

TEST_CASE("the plan of a container that joins namespaces of all kinds is the reviewed one",
          "[runtime][plan][golden]") {
  oci::Spec spec = whole_spec();
  for (oci::Namespace& entry : spec.linux_.namespaces)
    entry.path = "/ns/" + std::string(oci::namespace_type_name(entry.type));
  spec.linux_.time_offsets.clear();
  check_golden("joined-namespaces", compile_container(spec, bundle_options()));
}

TEST_CASE("the plan of an exec in a user namespace on chosen CPUs is the reviewed one",
          "[runtime][plan][golden]") {
  oci::Process process = whole_spec().process;
  process.exec_cpu_affinity = oci::CpuAffinity{"0", "1-2"};
  using oci::NamespaceType;
  ExecTarget target{{NamespaceType::kPid, NamespaceType::kMount, NamespaceType::kUser}};
  target.host_uid = 100000;
  check_golden("exec-user-namespace", compile_exec(process, target, test::pod_options().seccomp));
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
