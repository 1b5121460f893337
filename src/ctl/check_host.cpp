// SPDX-License-Identifier: Apache-2.0
#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "ctl/check.hpp"
#include "runtime/apparmor.hpp"
#include "runtime/cgroup/manager.hpp"

namespace berth::ctl {
namespace {

Finding probe_root() {
  if (::geteuid() == 0) return {Verdict::kGood, "root", ""};
  return {Verdict::kBad, "not root", "run berthd, and this check, as root"};
}

void probe_cgroups(std::vector<Finding>& into) {
  const auto manager = runtime::cgroup::Manager::open({});
  if (!manager) {
    into.push_back(
        {Verdict::kBad, cat("cgroups: ", manager.error().to_string()), "mount cgroup2 on /sys/fs/cgroup"});
    return;
  }
  std::string text = (*manager)->describe();
  while (text.ends_with('\n')) text.pop_back();
  for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at))
    text.replace(at, 1, "; ");
  into.push_back({Verdict::kGood, cat("cgroups: ", text), ""});
  for (const char* name : {"cpu", "memory", "pids"}) {
    if ((*manager)->has_controller(name)) continue;
    into.push_back(
        {Verdict::kBad, cat("cgroup controller ", name, " is missing"),
         cat("enable it: the kernel's command line (cgroup_enable=", name, "), or cgroup.subtree_control")});
  }
  for (const char* name : {"cpuset", "hugetlb"}) {
    if ((*manager)->has_controller(name)) continue;
    into.push_back({Verdict::kWarning, cat("cgroup controller ", name, " is missing"),
                    "pods that ask for it will be refused"});
  }
}

Finding probe_apparmor() {
  if (!runtime::apparmor_enabled())
    return {Verdict::kGood, "AppArmor: not enabled; pods that ask for a profile will be refused", ""};
  const std::string profile(runtime::kApparmorDefault);
  if (runtime::check_apparmor_profile(profile))
    return {Verdict::kGood, cat("AppArmor: enabled, ", profile, " is loaded"), ""};
  if (runtime::has_apparmor_parser())
    return {Verdict::kGood, cat("AppArmor: enabled, berthd will load ", profile), ""};
  return {Verdict::kWarning, cat("AppArmor: enabled, but containers will not get ", profile),
          "install apparmor_parser, which compiles it"};
}

Finding probe_selinux() {
  const auto enforcing = read_file("/sys/fs/selinux/enforce", kMaxProc);
  if (!enforcing) return {Verdict::kGood, "SELinux: not enabled", ""};
  return {Verdict::kGood, cat("SELinux: ", enforcing->starts_with('1') ? "enforcing" : "permissive"), ""};
}

/// The directory, or the nearest one above that is there already.
std::string existing(std::string path) {
  while (path.size() > 1 && !exists(path)) {
    const std::size_t slash = path.rfind('/');
    path.resize(slash == 0 ? 1 : slash);
  }
  return path;
}

Finding probe_state(const std::string& state) {
  struct statfs info {};
  const std::string at = existing(state);
  if (::statfs(at.c_str(), &info) != 0)
    return {Verdict::kWarning, cat("state directory ", state, ": cannot look at ", at), "run this as root"};
  if (info.f_type == TMPFS_MAGIC || info.f_type == RAMFS_MAGIC)
    return {Verdict::kGood, cat("state directory ", state, " is on a tmpfs"), ""};
  return {Verdict::kWarning, cat("state directory ", state, " is not on a tmpfs"),
          "choose one below /run: daemon.state"};
}

Finding probe_space(const std::string& root) {
  struct statfs info {};
  const std::string at = existing(root);
  if (::statfs(at.c_str(), &info) != 0)
    return {Verdict::kWarning, cat("root directory ", root, ": cannot look at ", at), "run this as root"};
  constexpr std::uint64_t kLeast = std::uint64_t{2} << 30;
  const std::uint64_t available =
      static_cast<std::uint64_t>(info.f_bavail) * static_cast<std::uint64_t>(info.f_bsize);
  const std::string what = cat("root directory ", root, ": ", available >> 20U, " MiB available");
  if (info.f_type == OVERLAYFS_SUPER_MAGIC) {
    return {Verdict::kBad, cat(what, ", but on an overlay, which cannot carry another"),
            "choose a real file system: daemon.root"};
  }
  if (available >= kLeast) return {Verdict::kGood, what, ""};
  return {Verdict::kWarning, what, "make room for images"};
}

/// As berthd looks for it; berthctl is installed where berthd is.
Finding probe_program(const std::string& configured, const char* name, const char* key) {
  char self[4096];
  const ssize_t length = ::readlink("/proc/self/exe", self, sizeof self);
  const std::string own(self, length > 0 ? static_cast<std::size_t>(length) : 0);
  const std::string beside = cat(own.substr(0, own.rfind('/')), "/", name);
  for (const std::string& path : {configured, beside, cat("/usr/libexec/berth/", name)}) {
    if (!path.empty() && ::access(path.c_str(), X_OK) == 0)
      return {Verdict::kGood, cat(name, " is ", path), ""};
    if (!configured.empty()) break;
  }
  return {Verdict::kBad,
          cat(name, configured.empty() ? " is neither beside berthd nor in /usr/libexec/berth"
                                       : cat(" cannot be run: ", configured)),
          cat("install it, or name it: ", key)};
}

}  // namespace

std::vector<Finding> probe_host(const daemon::Config& config) {
  std::vector<Finding> found = {probe_root()};
  probe_cgroups(found);
  found.push_back(probe_apparmor());
  found.push_back(probe_selinux());
  found.push_back(probe_state(config.state));
  found.push_back(probe_space(config.root));
  found.push_back(probe_program(config.pid1_path, "berth-pid1", "runtime.pid1_path"));
  found.push_back(probe_program(config.unpack_path, "berth-unpack", "image.unpack_path"));
  return found;
}

}  // namespace berth::ctl
