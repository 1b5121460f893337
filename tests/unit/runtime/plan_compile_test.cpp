// SPDX-License-Identifier: Apache-2.0
#include <linux/mount.h>
#include <linux/sched.h>

#include <catch2/catch.hpp>

#include "plan_fixture.hpp"

namespace berth::runtime {
namespace {

using oci::NamespaceType;
using plan::OpKind;
using plan::Phase;

Plan compiled(const oci::Spec& spec, const CompileOptions& options = test::pod_options()) {
  auto plan = compile_container(spec, options);
  if (!plan) FAIL(plan.error().to_string());
  return **plan;
}

std::string refused(const oci::Spec& spec, const CompileOptions& options = test::pod_options()) {
  auto plan = compile_container(spec, options);
  REQUIRE_FALSE(plan);
  CHECK(plan.error().code() == Code::kInvalidArgument);
  return plan.error().to_string();
}

TEST_CASE("phases never go back", "[runtime][plan]") {
  const Plan plan = compiled(test::small_spec());
  CHECK(std::is_sorted(plan.ops.begin(), plan.ops.end(),
                       [](const auto& a, const auto& b) { return a.phase < b.phase; }));
  CHECK(plan.ops.back().kind == OpKind::kExec);
}

TEST_CASE("every step has words for its failure", "[runtime][plan]") {
  const Plan plan = compiled(test::small_spec());
  for (const PlannedOp& op : plan.ops) CHECK_FALSE(op.label.empty());
}

TEST_CASE("new namespaces are cloned, the cgroup's is made after the cgroup was joined", "[runtime][plan]") {
  const Plan plan = compiled(test::small_spec());
  CHECK(plan.clone_flags == (CLONE_NEWPID | CLONE_NEWNS));
  const PlannedOp& unshare = plan.ops[test::position(plan, OpKind::kUnshare)];
  CHECK(unshare.flags == CLONE_NEWCGROUP);
  CHECK(test::position(plan, OpKind::kJoinCgroup) < test::position(plan, OpKind::kUnshare));
}

TEST_CASE("a container always gets a mount namespace of its own", "[runtime][plan]") {
  oci::Spec spec = test::small_spec();
  spec.linux_.namespaces.clear();
  CHECK(compiled(spec).clone_flags == CLONE_NEWNS);
  CHECK_THAT(compiled(spec).warnings.at(0), Catch::Contains("mount namespace"));
  CHECK(compiled(test::small_spec()).warnings.empty());
}

TEST_CASE("a mount namespace that is joined is joined last, and its root is what the new one covers",
          "[runtime][plan]") {
  oci::Spec spec = test::small_spec();
  spec.linux_.namespaces = {{NamespaceType::kMount, "/proc/7/ns/mnt"},
                            {NamespaceType::kTime, "/proc/7/ns/time"}};
  const Plan plan = compiled(spec);
  CHECK(plan.clone_flags == 0);
  const PlannedOp* join = test::find_label(plan, "join the mount namespace /proc/7/ns/mnt");
  REQUIRE(join != nullptr);
  CHECK(join > test::find_label(plan, "join the time namespace /proc/7/ns/time"));
  CHECK(plan.ops[test::position(plan, OpKind::kAttachRoot)].target == "/");
  spec.linux_.namespaces.push_back({NamespaceType::kUser, ""});
  spec.linux_.uid_mappings = spec.linux_.gid_mappings = {{0, 1000, 65536}};
  CHECK_THAT(refused(spec), Catch::Contains("/proc/7/ns/mnt"));
}

oci::Spec user_spec() {
  oci::Spec spec = test::small_spec();
  spec.linux_.namespaces = {
      {NamespaceType::kUser, ""}, {NamespaceType::kPid, ""}, {NamespaceType::kMount, ""}};
  spec.linux_.uid_mappings = {{0, 100000, 65536}};
  spec.linux_.gid_mappings = {{0, 200000, 65536}};
  return spec;
}

TEST_CASE("what a user namespace takes the right to is done before it is entered", "[runtime][plan]") {
  oci::Spec spec = user_spec();
  spec.process.scheduler = oci::Scheduler{.policy = "SCHED_FIFO", .priority = 1, .flags = {}};
  const Plan plan = compiled(spec);
  CHECK(plan.in_user_namespace);
  CHECK((plan.clone_flags & CLONE_NEWUSER) != 0);
  for (const PlannedOp& op : plan.ops) {
    INFO(op.label);
    if (op.phase != plan::Phase::kJoin || op.kind == OpKind::kJoinCgroup) continue;
    CHECK(op.by == (op.kind == OpKind::kIdMaps ? plan::By::kMidwifeAfter : plan::By::kMidwifeBefore));
  }
  const PlannedOp& maps = plan.ops[test::position(plan, OpKind::kIdMaps)];
  CHECK(maps.text == "0 100000 65536\n");
  CHECK(maps.target == "0 200000 65536\n");
  const auto root = test::position(plan, OpKind::kBecomeRoot);
  CHECK(root > test::position(plan, OpKind::kAttachRoot));
  CHECK(root < test::position(plan, OpKind::kMountNew));
  CHECK(plan.ops[test::position(plan, OpKind::kStdio)].flags == 100000);
}

TEST_CASE("a user namespace without a root is set up by the process's user", "[runtime][plan]") {
  oci::Spec spec = user_spec();
  spec.linux_.uid_mappings = {{1000, 100000, 1}};
  spec.linux_.gid_mappings = {{1001, 100000, 1}};
  spec.process.user = {.uid = 1000, .gid = 1001, .umask = {}, .additional_gids = {}};
  const Plan plan = compiled(spec);
  const PlannedOp& become = plan.ops[test::position(plan, OpKind::kBecomeRoot)];
  CHECK(become.flags == 1000);
  CHECK(become.value == 1001);
}

TEST_CASE("what a user namespace may not make is the host's", "[runtime][plan]") {
  oci::Spec spec = user_spec();
  CompileOptions options = test::pod_options();
  options.pod_namespaces.clear();
  spec.mounts.push_back({"/dev/mqueue", "mqueue", "mqueue", {}});
  const Plan plan = compiled(spec, options);
  CHECK(test::position(plan, OpKind::kMakeNode) == plan.ops.size());
  const PlannedOp* null = test::find_label(plan, "show the host's device /dev/null");
  REQUIRE(null != nullptr);
  CHECK(std::get<TreeFd>(null->fd).must_be_device->number == 0x103);
  CHECK(test::find_label(plan, "bind the host's /sys on /sys") != nullptr);
  CHECK(test::find_label(plan, "bind the host's /dev/mqueue on /dev/mqueue") != nullptr);
  CHECK(test::find_label(plan, "mount proc on /proc") != nullptr);
  spec.linux_.namespaces.push_back({NamespaceType::kNetwork, ""});
  spec.linux_.namespaces.push_back({NamespaceType::kIpc, ""});
  CHECK(test::find_label(compiled(spec, options), "mount sysfs on /sys") != nullptr);
  CHECK(test::find_label(compiled(spec, options), "mount mqueue on /dev/mqueue") != nullptr);
}

TEST_CASE("an exec's CPUs are set before and after its cgroup", "[runtime][plan]") {
  oci::Process process = test::small_spec().process;
  process.exec_cpu_affinity = oci::CpuAffinity{"0-1", "1"};
  const auto plan = compile_exec(process, {}, nullptr);
  REQUIRE(plan);
  CHECK((*plan)->joins_cgroup_late);
  const auto first = test::position(**plan, OpKind::kAffinity);
  CHECK(first < test::position(**plan, OpKind::kJoinCgroup));
  CHECK(std::get<std::vector<std::uint64_t>>((*plan)->ops[first].extra) == std::vector<std::uint64_t>{3});
  CHECK((*plan)->ops[first + 2].kind == OpKind::kAffinity);
  CHECK(std::get<std::vector<std::uint64_t>>((*plan)->ops[first + 2].extra) == std::vector<std::uint64_t>{2});
  process.exec_cpu_affinity = oci::CpuAffinity{};
  const auto empty = compile_exec(process, {}, nullptr);
  REQUIRE(empty);
  CHECK_FALSE((*empty)->joins_cgroup_late);
  CHECK((*empty)->ops[test::position(**empty, OpKind::kAffinity)].value == 0);
}

TEST_CASE("the pod's namespaces win over paths in the spec", "[runtime][plan]") {
  oci::Spec spec = test::small_spec();
  spec.linux_.namespaces.push_back({NamespaceType::kNetwork, "/run/netns/pod"});
  const Plan plan = compiled(spec);
  const PlannedOp* op = test::find_label(plan, "join the pod's network namespace");
  REQUIRE(op != nullptr);
  CHECK(std::get<PodFd>(op->fd).name == plan::kPodNet);
  CHECK(op->flags == CLONE_NEWNET);
}

TEST_CASE("namespaces given by path are joined, the pid namespace at birth", "[runtime][plan]") {
  oci::Spec spec = test::small_spec();
  spec.linux_.namespaces = {{NamespaceType::kNetwork, "/run/netns/x"},
                            {NamespaceType::kPid, "/proc/7/ns/pid"}};
  CompileOptions options = test::pod_options();
  options.pod_namespaces.clear();
  const Plan plan = compiled(spec, options);
  CHECK(std::get<NamespaceFd>(plan.join_pid).path == "/proc/7/ns/pid");
  CHECK((plan.clone_flags & (CLONE_NEWPID | CLONE_NEWNET)) == 0);
  CHECK(test::find_label(plan, "join the network namespace /run/netns/x") != nullptr);
}

TEST_CASE("what a pod cannot share and what is not built is refused", "[runtime][plan]") {
  CompileOptions options = test::pod_options();
  options.pod_namespaces.insert(NamespaceType::kMount);
  CHECK_THAT(refused(test::small_spec(), options), Catch::Contains("mount namespace"));
  oci::Spec spec = test::small_spec();
  spec.linux_.namespaces.push_back({NamespaceType::kUser, ""});
  CHECK_THAT(refused(spec), Catch::Contains("user namespace needs"));
  spec = test::small_spec();
  spec.linux_.rootfs_propagation = "sideways";
  CHECK_THAT(refused(spec), Catch::Contains("sideways"));
  options = test::pod_options();
  options.attach_dir = "relative";
  CHECK_THAT(refused(test::small_spec(), options), Catch::Contains("relative"));
}

TEST_CASE("labels are set while descriptors are still open, and unconfined is none", "[runtime][plan]") {
  oci::Spec spec = test::small_spec();
  spec.process.no_new_privileges = false;
  spec.process.apparmor_profile = "berth-default";
  spec.process.selinux_label = "system_u:system_r:container_t:s0";
  const Plan plan = compiled(spec);
  const std::size_t apparmor = test::position(plan, OpKind::kLabel);
  CHECK(plan.ops[apparmor].mode == plan::kApparmorLabel);
  CHECK(plan.ops[apparmor].text == "berth-default");
  CHECK(plan.ops[apparmor + 1].mode == plan::kSelinuxLabel);
  CHECK(apparmor + 1 < test::position(plan, OpKind::kSeccomp));
  CHECK(apparmor > test::position(plan, OpKind::kPivot));
  spec.process.apparmor_profile = "unconfined";
  spec.process.selinux_label.clear();
  for (const PlannedOp& op : compiled(spec).ops) CHECK(op.kind != OpKind::kLabel);
}

TEST_CASE("a host name is set only in a namespace of the container's own", "[runtime][plan]") {
  oci::Spec spec = test::small_spec();
  spec.hostname = "web";
  CHECK(test::find_label(compiled(spec), "set host name web") == nullptr);
  CompileOptions options = test::pod_options();
  options.pod_namespaces.clear();
  CHECK_THAT(refused(spec, options), Catch::Contains("web"));
  spec.linux_.namespaces.push_back({NamespaceType::kUts, ""});
  CHECK(test::find_label(compiled(spec, options), "set host name web") != nullptr);
}

TEST_CASE("a bind is private to the container unless it says otherwise", "[runtime][plan]") {
  oci::Spec spec = test::small_spec();
  const Plan plan = compiled(spec);
  const PlannedOp* hosts = test::find_label(plan, "bind /run/pod/hosts on /etc/hosts");
  const PlannedOp* data = test::find_label(plan, "bind /srv/data on /data");
  REQUIRE((hosts != nullptr && data != nullptr));
  CHECK(std::get<TreeFd>(hosts->fd).propagation == MS_PRIVATE);
  CHECK_FALSE(std::get<TreeFd>(hosts->fd).recursive);
  CHECK(std::get<TreeFd>(data->fd).propagation == MS_SLAVE);
  CHECK(std::get<TreeFd>(data->fd).recursive);
  CHECK(std::get<TreeFd>(data->fd).set == (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID));
}

TEST_CASE("destinations are cleaned before they are compared and used", "[runtime][plan]") {
  oci::Spec spec = test::small_spec();
  spec.mounts.push_back({"/a//b/../c/", "bind", "/x", {}});
  CHECK(test::find_label(compiled(spec), "bind /x on /a/c") != nullptr);
  spec.mounts.back().destination = "/a/../proc/sys";
  CHECK_THAT(refused(spec), Catch::Contains("inside /proc"));
  spec.mounts.back().destination = "/a/..";
  CHECK_THAT(refused(spec), Catch::Contains("cover the root"));
}

TEST_CASE("a read-only file system that is populated becomes read-only at the end", "[runtime][plan]") {
  oci::Spec spec = test::small_spec();
  spec.mounts.push_back({"/cfg", "tmpfs", "tmpfs", {"ro"}});
  spec.mounts.push_back({"/empty", "tmpfs", "tmpfs", {"ro"}});
  spec.mounts.push_back({"/cfg/x", "bind", "/x", {}});
  const Plan plan = compiled(spec);
  CHECK(test::find_label(plan, "mount tmpfs on /cfg")->flags == 0);
  CHECK(test::find_label(plan, "set mount attributes ro on /cfg")->phase == Phase::kMask);
  CHECK(test::find_label(plan, "mount tmpfs on /empty")->flags == MOUNT_ATTR_RDONLY);
}

TEST_CASE("a working directory is made while a read-only root can still be written", "[runtime][plan]") {
  oci::Spec spec = test::small_spec();
  spec.process.cwd = "/srv/app";
  const Plan plan = compiled(spec);
  const PlannedOp* op = test::find_label(plan, "create the working directory /srv/app");
  REQUIRE(op != nullptr);
  CHECK(op->phase == Phase::kFiles);
  spec.root.readonly = false;
  CHECK(test::find_label(compiled(spec), "create the working directory /srv/app") == nullptr);
}

TEST_CASE("a remount changes what is there", "[runtime][plan]") {
  oci::Spec spec = test::small_spec();
  spec.mounts.push_back({"/data", "", "", {"bind", "remount", "noexec", "rw"}});
  const Plan plan = compiled(spec);
  const PlannedOp* op = test::find_label(plan, "set mount attributes noexec on /data");
  REQUIRE(op != nullptr);
  CHECK(op->flags == MOUNT_ATTR_NOEXEC);
  CHECK(op->value == MOUNT_ATTR_RDONLY);
}

TEST_CASE("an id map belongs to a bind, tmpcopyup to a tmpfs, cgroup to hosts that are known",
          "[runtime][plan]") {
  oci::Spec spec = test::small_spec();
  spec.mounts.push_back({"/x", "bind", "/x", {"bind", "tmpcopyup"}});
  CHECK_THAT(refused(spec), Catch::Contains("mounts[6] on /x") && Catch::Contains("tmpcopyup"));
  spec.mounts.back() = {"/x", "proc", "proc", {"tmpcopyup"}};
  CHECK_THAT(refused(spec), Catch::Contains("tmpcopyup"));
  spec.mounts.back() = {"/x", "cgroup", "cgroup", {}};
  CHECK_THAT(refused(spec), Catch::Contains("not known"));
  spec.mounts.back() = {"/x", "bind", "relative", {}};
  CHECK_THAT(refused(spec), Catch::Contains("relative"));
  CompileOptions options = test::pod_options();
  options.bundle = "/bundle";
  const Plan plan = compiled(spec, options);
  CHECK(test::find_label(plan, "bind relative on /x") != nullptr);
}

TEST_CASE("mount options that are wrong name the mount", "[runtime][plan]") {
  oci::Spec spec = test::small_spec();
  spec.mounts.push_back({"/x", "bind", "/x", {"size=5"}});
  CHECK_THAT(refused(spec), Catch::Contains("mounts[6] on /x") && Catch::Contains("size=5"));
}

TEST_CASE("the host's own /dev gets no nodes, links or devices", "[runtime][plan]") {
  oci::Spec spec = test::small_spec();
  spec.linux_.devices = {{"/dev/fuse", 'c', 10, 229, 0666, 0, 0},
                         {"/opt/null", 'c', 1, 3, std::nullopt, 5, 6}};
  spec.mounts[1] = {"/dev", "bind", "/dev", {"rbind"}};
  const Plan plan = compiled(spec);
  CHECK(test::position(plan, OpKind::kSymlink) == plan.ops.size());
  CHECK(test::find_label(plan, "create device /dev/null") == nullptr);
  CHECK(test::find_label(plan, "create device /dev/fuse") == nullptr);
  const PlannedOp* other = test::find_label(plan, "create device /opt/null");
  REQUIRE(other != nullptr);
  CHECK(other->mode == 0020666U);
  CHECK(other->flags == 0x103);
  CHECK(other->value == (std::uint64_t{5} << 32 | 6));
}

TEST_CASE("a device of the spec replaces the default one of its name, ptmx stays a link", "[runtime][plan]") {
  oci::Spec spec = test::small_spec();
  spec.linux_.devices = {{"/dev/tty", 'c', 5, 0, 0620, 0, 5}, {"/dev/ptmx", 'c', 5, 2, 0666, 0, 0}};
  const Plan plan = compiled(spec);
  const auto is_tty = [](const PlannedOp& op) {
    return op.kind == OpKind::kMakeNode && op.target == "/dev/tty";
  };
  CHECK(std::count_if(plan.ops.begin(), plan.ops.end(), is_tty) == 1);
  CHECK(test::find_label(plan, "create device /dev/tty")->mode == 0020620U);
  CHECK(test::find_label(plan, "create device /dev/ptmx") == nullptr);
  CHECK(test::find_label(plan, "create link /dev/ptmx")->text == "pts/ptmx");
}

TEST_CASE("without no_new_privs the filter comes before the ids, with it after the gate", "[runtime][plan]") {
  oci::Spec spec = test::small_spec();
  Plan plan = compiled(spec);
  CHECK(test::position(plan, OpKind::kSeccomp) > test::position(plan, OpKind::kGate));
  CHECK(test::position(plan, OpKind::kNoNewPrivs) > test::position(plan, OpKind::kCapabilities));
  spec.process.no_new_privileges = false;
  plan = compiled(spec);
  CHECK(test::position(plan, OpKind::kSeccomp) < test::position(plan, OpKind::kIds));
  CHECK(test::position(plan, OpKind::kNoNewPrivs) == plan.ops.size());
}

TEST_CASE("a process without a word about capabilities has none", "[runtime][plan]") {
  oci::Spec spec = test::small_spec();
  spec.process.capabilities.reset();
  const Plan plan = compiled(spec);
  CHECK(plan.ops[test::position(plan, OpKind::kBoundingSet)].value == 0);
  const auto& sets = plan.ops[test::position(plan, OpKind::kCapabilities)].extra;
  CHECK(std::get<std::vector<std::uint64_t>>(sets) == std::vector<std::uint64_t>(4, 0));
}

TEST_CASE("supplementary groups are set even when there are none", "[runtime][plan]") {
  const Plan plan = compiled(test::small_spec());
  CHECK(plan.ops[test::position(plan, OpKind::kGroups)].value == 0);
}

TEST_CASE("the program is looked for along the container's own PATH", "[runtime][plan]") {
  oci::Spec spec = test::small_spec();
  using List = std::vector<std::string>;
  spec.process.env = {"PATH=/ignored", "PATH=/a:/b/::rel"};
  CHECK(compiled(spec).candidates == List{"/a/sh", "/b/sh", "./sh", "rel/sh"});
  spec.process.env = {"PATH="};
  CHECK(compiled(spec).candidates.size() == 6);
  spec.process.env.clear();
  CHECK(compiled(spec).candidates.front() == "/usr/local/sbin/sh");
  spec.process.args = {"./run"};
  CHECK(compiled(spec).candidates == List{"./run"});
  spec.process.env = {"PATH=" + std::string(1000, ':')};
  spec.process.args = {"sh"};
  CHECK(compiled(spec).candidates == List{"./sh"});
}

TEST_CASE("an exec enters the container's namespaces after it has used the host's /proc", "[runtime][plan]") {
  const auto plan =
      compile_exec(test::small_spec().process, {{NamespaceType::kPid, NamespaceType::kMount}}, nullptr);
  REQUIRE(plan);
  CHECK(test::position(**plan, OpKind::kOomScoreAdj) < test::position(**plan, OpKind::kSetns));
  CHECK((*plan)->ops[test::position(**plan, OpKind::kSetns)].flags == CLONE_NEWNS);
  CHECK(std::holds_alternative<TargetFd>((*plan)->join_pid));
  CHECK(test::position(**plan, OpKind::kGate) == (*plan)->ops.size());
  CHECK((*plan)->clone_flags == 0);
}

TEST_CASE("an exec into a container of the host's pid namespace joins none", "[runtime][plan]") {
  const auto plan = compile_exec(test::small_spec().process, {{NamespaceType::kMount}}, nullptr);
  REQUIRE(plan);
  CHECK(std::holds_alternative<NoFd>((*plan)->join_pid));
  oci::Process bad = test::small_spec().process;
  bad.user.uid = 0x80000000;
  CHECK_FALSE(compile_exec(bad, {}, nullptr));
}

TEST_CASE("a dump shows bytes that are not text without breaking its lines", "[runtime][plan]") {
  oci::Spec spec = test::small_spec();
  spec.process.args = {"sh", "a\nphase exec\x1b"};
  CHECK_THAT(dump(compiled(spec)), Catch::Contains("a\\x0aphase exec\\x1b"));
}

}  // namespace
}  // namespace berth::runtime
