// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <functional>

#include "plan_fixture.hpp"
#include "runtime/oci/spec_check.hpp"

namespace berth::oci {
namespace {

struct Change {
  const char* expected;  ///< in the error
  std::function<void(Spec&)> apply;
};

Mount bind(const std::string& destination, const std::string& source = "/x") {
  return {destination, "bind", source, {}};
}

const std::string kNul("a\0b", 3);

void add_user(Spec& spec, std::vector<IdMapping> users) {
  spec.linux_.namespaces.push_back({NamespaceType::kUser, ""});
  spec.linux_.uid_mappings = std::move(users);
  spec.linux_.gid_mappings = {{0, 1000, 10}};
}

void add_device(Spec& spec, const std::string& name, const std::string& renamed) {
  spec.linux_.namespaces.push_back({NamespaceType::kNetwork, ""});
  spec.linux_.net_devices[name] = renamed;
}

const Change kBad[] = {
    {"process.args", [](Spec& s) { s.process.args.clear(); }},
    {"process.args[0]", [](Spec& s) { s.process.args = {""}; }},
    {"process.args", [](Spec& s) { s.process.args.push_back(kNul); }},
    {"process.env", [](Spec& s) { s.process.env.push_back(kNul); }},
    {"process.cwd", [](Spec& s) { s.process.cwd = ""; }},
    {"process.cwd: \"tmp\"", [](Spec& s) { s.process.cwd = "tmp"; }},
    {"process.cwd", [](Spec& s) { s.process.cwd = "/" + kNul; }},
    {"longer than", [](Spec& s) { s.process.cwd = "/" + std::string(5000, 'x'); }},
    {"2147483648", [](Spec& s) { s.process.user.uid = 2147483648U; }},
    {"4294967295", [](Spec& s) { s.process.user.gid = 4294967295U; }},
    {"additionalGids",
     [](Spec& s) {
       s.process.user.additional_gids = {1, 4294967295U};
     }},
    {"additionalGids", [](Spec& s) { s.process.user.additional_gids.assign(70000, 1); }},
    {"umask", [](Spec& s) { s.process.user.umask = 01000; }},
    {"RLIMIT_MAGIC",
     [](Spec& s) {
       s.process.rlimits = {{"RLIMIT_MAGIC", 1, 1}};
     }},
    {"twice",
     [](Spec& s) {
       s.process.rlimits = {{"RLIMIT_CPU", 1, 1}, {"RLIMIT_CPU", 1, 1}};
     }},
    {"above the hard one",
     [](Spec& s) {
       s.process.rlimits = {{"RLIMIT_CPU", 2, 1}};
     }},
    {"oomScoreAdj: 1001", [](Spec& s) { s.process.oom_score_adj = 1001; }},
    {"oomScoreAdj", [](Spec& s) { s.process.oom_score_adj = -1001; }},
    {"hostname", [](Spec& s) { s.hostname = kNul; }},
    {"mounts[6].destination", [](Spec& s) { s.mounts.push_back(bind("")); }},
    {"cover the root", [](Spec& s) { s.mounts.push_back(bind("/")); }},
    {"cover the root", [](Spec& s) { s.mounts.push_back(bind("/./../")); }},
    {"mounts[6].source", [](Spec& s) { s.mounts.push_back(bind("/a", "")); }},
    {"mounts[6].options",
     [](Spec& s) {
       s.mounts.push_back({"/a", "tmpfs", "", {kNul}});
     }},
    {"mounts[6].type",
     [](Spec& s) {
       s.mounts.push_back({"/a", "", "/a", {}});
     }},
    {"only be procfs", [](Spec& s) { s.mounts.push_back(bind("/proc")); }},
    {"inside /proc", [](Spec& s) { s.mounts.push_back(bind("/proc/sys/kernel")); }},
    {"inside /proc",
     [](Spec& s) {
       s.mounts.push_back({"/proc/meminfo", "tmpfs", "", {}});
     }},
    {"inside /proc", [](Spec& s) { s.mounts.push_back(bind("/dev/../proc//self")); }},
    {"given twice",
     [](Spec& s) {
       s.linux_.namespaces.push_back({NamespaceType::kPid, ""});
     }},
    {"namespaces.path",
     [](Spec& s) {
       s.linux_.namespaces.push_back({NamespaceType::kUts, "ns"});
     }},
    {"devices.type",
     [](Spec& s) {
       s.linux_.devices = {{"/dev/x", 'z', 1, 1, {}, 0, 0}};
     }},
    {"device number",
     [](Spec& s) {
       s.linux_.devices = {{"/dev/x", 'c', -1, 1, {}, 0, 0}};
     }},
    {"device number",
     [](Spec& s) {
       s.linux_.devices = {{"/dev/x", 'c', 1, 1 << 20, {}, 0, 0}};
     }},
    {"devices.path",
     [](Spec& s) {
       s.linux_.devices = {{"dev/x", 'c', 1, 1, {}, 0, 0}};
     }},
    {"devices.path",
     [](Spec& s) {
       s.linux_.devices = {{"/..", 'c', 1, 1, {}, 0, 0}};
     }},
    {"devices.gid",
     [](Spec& s) {
       s.linux_.devices = {{"/dev/x", 'c', 1, 1, {}, 0, 0x80000000}};
     }},
    {"maskedPaths", [](Spec& s) { s.linux_.masked_paths = {"proc/kcore"}; }},
    {"readonlyPaths", [](Spec& s) { s.linux_.readonly_paths = {""}; }},
    {"mountLabel", [](Spec& s) { s.linux_.mount_label = std::string("a:b\0:c", 6); }},
    {"kernel.sem", [](Spec& s) { s.linux_.sysctl["kernel.sem"] = "1"; }},
    {"does not belong", [](Spec& s) { s.linux_.sysctl["kernel.hostname"] = "x"; }},
    {"does not belong", [](Spec& s) { s.linux_.sysctl["vm.swappiness"] = "1"; }},
    {"malformed", [](Spec& s) { s.linux_.sysctl["net..ipv4"] = "1"; }},
    {"newline", [](Spec& s) { s.linux_.sysctl["net.ipv4.ip_forward"] = "1\n"; }},
    {"uts namespace", [](Spec& s) { s.linux_.sysctl["kernel.domainname"] = "x"; }},
    {"need a user namespace",
     [](Spec& s) {
       s.linux_.uid_mappings = {{0, 1, 1}};
     }},
    {"needs linux.uidMappings",
     [](Spec& s) {
       s.linux_.namespaces.push_back({NamespaceType::kUser, ""});
     }},
    {"maps nothing",
     [](Spec& s) {
       add_user(s, {{0, 1, 0}});
     }},
    {"past the last id",
     [](Spec& s) {
       add_user(s, {{0, 4294967290U, 10}});
     }},
    {"overlaps",
     [](Spec& s) {
       add_user(s, {{0, 1000, 10}, {5, 5000, 1}});
     }},
    {"overlaps",
     [](Spec& s) {
       add_user(s, {{0, 1000, 10}, {50, 1009, 1}});
     }},
    {"process.user.uid: \"0\" is not mapped",
     [](Spec& s) {
       add_user(s, {{1, 1000, 10}});
     }},
    {"additionalGids: \"77\"",
     [](Spec& s) {
       add_user(s, {{0, 1000, 10}});
       s.process.user.additional_gids = {77};
     }},
    {"is no bind mount", [](Spec& s) { s.mounts[1].options.push_back("idmap"); }},
    {"without a user namespace", [](Spec& s) { s.mounts[4].options.push_back("ridmap"); }},
    {"and not the other",
     [](Spec& s) {
       s.mounts[4].uid_mappings = {{0, 1, 1}};
     }},
    {"new time namespace",
     [](Spec& s) {
       s.linux_.time_offsets["boottime"] = {1, 0};
     }},
    {"not a clock",
     [](Spec& s) {
       s.linux_.namespaces.push_back({NamespaceType::kTime, ""});
       s.linux_.time_offsets["realtime"] = {1, 0};
     }},
    {"a second or more",
     [](Spec& s) {
       s.linux_.namespaces.push_back({NamespaceType::kTime, ""});
       s.linux_.time_offsets["boottime"] = {1, 1000000000};
     }},
    {"new time namespace",
     [](Spec& s) {
       s.linux_.namespaces.push_back({NamespaceType::kTime, "/proc/1/ns/time"});
       s.linux_.time_offsets["boottime"] = {1, 0};
     }},
    {"needs a network namespace", [](Spec& s) { s.linux_.net_devices["eth0"] = ""; }},
    {"not the name of a network device", [](Spec& s) { add_device(s, "eth0/..", ""); }},
    {"not the name of a network device", [](Spec& s) { add_device(s, "eth0", "sixteen-letters!"); }},
    {"not the name of a network device", [](Spec& s) { add_device(s, "eth0", "eth%d"); }},
    {"given to two devices",
     [](Spec& s) {
       add_device(s, "eth0", "same");
       s.linux_.net_devices["eth1"] = "same";
     }},
    {"personality.domain",
     [](Spec& s) {
       s.linux_.personality = Personality{"BSD", {}};
     }},
    {"personality.flags",
     [](Spec& s) {
       s.linux_.personality = Personality{"LINUX", {"ADDR_NO_RANDOMIZE"}};
     }},
    {"memoryPolicy.mode",
     [](Spec& s) {
       s.linux_.memory_policy = MemoryPolicy{"MPOL_ALL", "0", {}};
     }},
    {"memoryPolicy.nodes",
     [](Spec& s) {
       s.linux_.memory_policy = MemoryPolicy{"MPOL_BIND", "", {}};
     }},
    {"memoryPolicy.nodes",
     [](Spec& s) {
       s.linux_.memory_policy = MemoryPolicy{"MPOL_LOCAL", "0", {}};
     }},
    {"memoryPolicy.nodes",
     [](Spec& s) {
       s.linux_.memory_policy = MemoryPolicy{"MPOL_BIND", "3-1", {}};
     }},
    {"memoryPolicy.nodes",
     [](Spec& s) {
       s.linux_.memory_policy = MemoryPolicy{"MPOL_BIND", "9999", {}};
     }},
    {"exclude each other",
     [](Spec& s) {
       s.linux_.memory_policy =
           MemoryPolicy{"MPOL_BIND", "0", {"MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"}};
     }},
    {"closID",
     [](Spec& s) {
       s.linux_.intel_rdt = IntelRdt{"../x", {}, "", "", false};
     }},
    {"more than one line",
     [](Spec& s) {
       s.linux_.intel_rdt = IntelRdt{"x", {"a\nb"}, "", "", false};
     }},
    {"needs a listenerPath", [](Spec& s) { s.linux_.seccomp.emplace().listener_metadata = "x"; }},
    {"path of a socket", [](Spec& s) { s.linux_.seccomp.emplace().listener_path = "relative"; }},
    {"scheduler.policy: is missing", [](Spec& s) { s.process.scheduler.emplace(); }},
    {"scheduler.policy: \"SCHED_BEST\"",
     [](Spec& s) { s.process.scheduler.emplace().policy = "SCHED_BEST"; }},
    {"scheduler.nice", [](Spec& s) { s.process.scheduler = Scheduler{"SCHED_FIFO", 5, 1, {}, {}, {}, {}}; }},
    {"scheduler.nice",
     [](Spec& s) { s.process.scheduler = Scheduler{"SCHED_OTHER", 20, {}, {}, {}, {}, {}}; }},
    {"scheduler.priority",
     [](Spec& s) { s.process.scheduler = Scheduler{"SCHED_OTHER", {}, 1, {}, {}, {}, {}}; }},
    {"scheduler.priority",
     [](Spec& s) { s.process.scheduler = Scheduler{"SCHED_RR", {}, {}, {}, {}, {}, {}}; }},
    {"takes no runtime",
     [](Spec& s) { s.process.scheduler = Scheduler{"SCHED_IDLE", {}, {}, {}, 1, {}, {}}; }},
    {"scheduler.flags",
     [](Spec& s) { s.process.scheduler = Scheduler{"SCHED_IDLE", {}, {}, {"FAST"}, {}, {}, {}}; }},
    {"ioPriority.class", [](Spec& s) { s.process.io_priority = IoPriority{"IOPRIO_CLASS_NONE", 0}; }},
    {"ioPriority.priority", [](Spec& s) { s.process.io_priority = IoPriority{"IOPRIO_CLASS_RT", 8}; }},
    {"execCPUAffinity.initial", [](Spec& s) { s.process.exec_cpu_affinity = CpuAffinity{"a", ""}; }},
    {"execCPUAffinity.final", [](Spec& s) { s.process.exec_cpu_affinity = CpuAffinity{"", "5000"}; }},
};

TEST_CASE("a spec that cannot be meant is refused and the field is named", "[runtime][spec]") {
  for (const Change& change : kBad) {
    INFO(change.expected);
    Spec spec = test::small_spec();
    change.apply(spec);
    const auto result = check_spec(spec);
    REQUIRE_FALSE(result);
    CHECK(result.error().code() == Code::kInvalidArgument);
    CHECK_THAT(result.error().to_string(), Catch::Contains(change.expected));
  }
}

TEST_CASE("unusual but sensible specs pass", "[runtime][spec]") {
  const Change good[] = {
      {"plain", [](Spec&) {}},
      {"host proc",
       [](Spec& s) {
         s.mounts.push_back({"/proc", "bind", "/proc/", {"rbind"}});
       }},
      {"lxcfs", [](Spec& s) { s.mounts.push_back(bind("/proc/meminfo")); }},
      {"other proc", [](Spec& s) { s.mounts.push_back(bind("/process")); }},
      {"remount",
       [](Spec& s) {
         s.mounts.push_back({"/data", "", "", {"remount", "ro"}});
       }},
      {"relative destination", [](Spec& s) { s.mounts.push_back(bind("data")); }},
      {"two ranges of ids",
       [](Spec& s) {
         add_user(s, {{0, 1000, 10}, {10, 500, 20}});
       }},
      {"a user namespace that exists",
       [](Spec& s) {
         s.linux_.namespaces.push_back({NamespaceType::kUser, "/n"});
       }},
      {"a moved device", [](Spec& s) { add_device(s, "eth0.5", "inner"); }},
      {"a deadline",
       [](Spec& s) {
         s.process.scheduler = Scheduler{"SCHED_DEADLINE", 0, 0, {"SCHED_FLAG_RESET_ON_FORK"}, 10, 20, 30};
       }},
      {"largest id", [](Spec& s) { s.process.user.uid = 0x7fffffff; }},
      {"fifo",
       [](Spec& s) {
         s.linux_.devices = {{"/dev/initctl", 'p', 0, 0, 0600, 0, 0}};
       }},
      {"environment without value", [](Spec& s) { s.process.env.push_back("X"); }},
      {"unlimited",
       [](Spec& s) {
         s.process.rlimits = {{"RLIMIT_CORE", UINT64_MAX, UINT64_MAX}};
       }},
  };
  for (const Change& change : good) {
    INFO(change.expected);
    Spec spec = test::small_spec();
    change.apply(spec);
    CHECK(check_spec(spec));
  }
}

TEST_CASE("paths are cleaned without looking at any file", "[runtime][spec]") {
  struct Case {
    const char* path;
    const char* clean;
  };
  for (const Case& item :
       {Case{"", "/"}, Case{"/", "/"}, Case{"//", "/"}, Case{"/a/", "/a"}, Case{"/a/./b//c", "/a/b/c"},
        Case{"/a/../b", "/b"}, Case{"/../../a", "/a"}, Case{"a/..", "/"}, Case{"/...", "/..."}}) {
    CHECK(clean_path(item.path) == item.clean);
  }
  CHECK(is_below("/proc/x", "/proc"));
  CHECK_FALSE(is_below("/proc", "/proc"));
  CHECK_FALSE(is_below("/process", "/proc"));
  CHECK(is_below("/a", "/"));
  CHECK_FALSE(is_below("/", "/"));
}

}  // namespace
}  // namespace berth::oci
