// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "runtime/apparmor.hpp"
#include "runtime/capabilities.hpp"
#include "runtime/cli/bundle.hpp"
#include "runtime/cli/report.hpp"
#include "runtime/cli/verb.hpp"
#include "runtime/oci/spec_json.hpp"
#include "runtime/seccomp_arch.hpp"
#include "runtime/selinux.hpp"

namespace berth::runtime::cli {
namespace {

constexpr std::string_view kMountOptions[] = {"acl",
                                              "async",
                                              "atime",
                                              "bind",
                                              "defaults",
                                              "dev",
                                              "diratime",
                                              "dirsync",
                                              "exec",
                                              "idmap",
                                              "iversion",
                                              "lazytime",
                                              "loud",
                                              "mand",
                                              "noatime",
                                              "nodev",
                                              "nodiratime",
                                              "noexec",
                                              "noiversion",
                                              "nolazytime",
                                              "noacl",
                                              "nomand",
                                              "norelatime",
                                              "nostrictatime",
                                              "nosuid",
                                              "nosymfollow",
                                              "private",
                                              "ratime",
                                              "rbind",
                                              "rdev",
                                              "rdiratime",
                                              "relatime",
                                              "remount",
                                              "rexec",
                                              "ridmap",
                                              "rnoatime",
                                              "rnodev",
                                              "rnodiratime",
                                              "rnoexec",
                                              "rnorelatime",
                                              "rnostrictatime",
                                              "rnosuid",
                                              "rnosymfollow",
                                              "ro",
                                              "rprivate",
                                              "rrelatime",
                                              "rro",
                                              "rrw",
                                              "rshared",
                                              "rslave",
                                              "rstrictatime",
                                              "rsuid",
                                              "rsymfollow",
                                              "runbindable",
                                              "rw",
                                              "shared",
                                              "silent",
                                              "slave",
                                              "strictatime",
                                              "suid",
                                              "symfollow",
                                              "sync",
                                              "tmpcopyup",
                                              "unbindable"};

Json capability_list() {
  Json names = Json::array();
  for (const std::string& name : capability_names(~std::uint64_t{0})) {
    if (name.find_first_of("0123456789") == std::string::npos) names.push_back(name);
  }
  return names;
}

Json seccomp_features() {
  return Json{
      {"enabled", true},
      {"actions",
       {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
        "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP"}},
      {"operators",
       {"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ",
        "SCMP_CMP_NE"}},
      {"archs", native_seccomp_architectures()},
      {"knownFlags",
       {"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC",
        "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"}},
      {"supportedFlags",
       {"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC",
        "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"}}};
}

Json memory_policy_features() {
  return Json{{"modes",
               {"MPOL_DEFAULT", "MPOL_PREFERRED", "MPOL_BIND", "MPOL_INTERLEAVE", "MPOL_LOCAL",
                "MPOL_PREFERRED_MANY", "MPOL_WEIGHTED_INTERLEAVE"}},
              {"flags", {"MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES", "MPOL_F_NUMA_BALANCING"}}};
}

Json features() {
  Json cgroup = {{"v1", true}, {"v2", true}, {"systemd", true}, {"systemdUser", false}, {"rdma", true}};
  Json linux_ = {{"namespaces", {"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"}},
                 {"capabilities", capability_list()},
                 {"cgroup", std::move(cgroup)},
                 {"seccomp", seccomp_features()},
                 {"apparmor", {{"enabled", apparmor_enabled()}}},
                 {"selinux", {{"enabled", selinux_enabled()}}},
                 {"intelRdt", {{"enabled", true}, {"schemata", true}, {"monitoring", true}}},
                 {"memoryPolicy", memory_policy_features()},
                 {"netDevices", {{"enabled", true}}},
                 {"mountExtensions", {{"idmap", {{"enabled", true}}}}}};
  return Json{
      {"ociVersionMin", "1.0.0"},
      {"ociVersionMax", kSpecVersion},
      {"hooks", {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}},
      {"mountOptions", kMountOptions},
      {"linux", std::move(linux_)},
      {"annotations", Json::object()},
      {"potentiallyUnsafeConfigAnnotations", Json::array({kInitAnnotation})}};
}

Result<int> run_features(const Context&) {
  RETURN_IF_ERROR(print(features().dump(2) + "\n"));
  return 0;
}

}  // namespace

const Verb kFeatures = {"features", "", "What this build supports, as JSON", {}, 0, 0, false, run_features};

}  // namespace berth::runtime::cli
