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
    {"mounts[6].destination", [](Spec& s) { s.mounts.push_back(bind("relative")); }},
    {"cover the root", [](Spec& s) { s.mounts.push_back(bind("/")); }},
    {"cover the root", [](Spec& s) { s.mounts.push_back(bind("/./../")); }},
    {"mounts[6].source", [](Spec& s) { s.mounts.push_back(bind("/a", "relative")); }},
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
    {"kernel.sem", [](Spec& s) { s.linux_.sysctl["kernel.sem"] = "1"; }},
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
