// SPDX-License-Identifier: Apache-2.0
#include <linux/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/unique_fd.hpp"
#include "ctl/check.hpp"
#include "runtime/kernel_calls.hpp"

namespace berth::ctl {
namespace {

Finding probe_call(const runtime::KernelCall& call) {
  if (runtime::is_there(call)) return {Verdict::kGood, cat("system call ", call.name), ""};
  return {
      Verdict::kBad, cat("system call ", call.name, " is missing"),
      cat("use Linux ", call.since, " or later; inside a container, let its seccomp profile allow the call")};
}

Finding probe_version() {
  utsname names{};
  ::uname(&names);
  int major = 0;
  int minor = 0;
  (void)std::sscanf(names.release, "%d.%d", &major, &minor);
  const std::string what = cat("Linux ", names.release);
  if (major > 5 || (major == 5 && minor >= 12)) return {Verdict::kGood, what, ""};
  return {Verdict::kBad, what, "use Linux 5.12 or later"};
}

/// How containers' root file systems will be mounted; see image/overlay_mount.hpp.
Finding probe_overlay() {
  const auto known = read_file("/proc/filesystems", kMaxProc);
  if (known && known->find("\toverlay\n") == std::string::npos) {
    return {Verdict::kBad, "file system overlay is not loaded", "modprobe overlay"};
  }
  const UniqueFd context(static_cast<int>(::syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC)));
  if (!context) {
    if (errno == EPERM) return {Verdict::kWarning, "overlay: cannot look closer", "run this as root"};
    return {Verdict::kBad, cat("fsopen overlay: ", errno_text(errno)),
            "use Linux 5.12 or later, with overlay"};
  }
  if (::syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_STRING, "lowerdir+", "/", 0) == 0) {
    return {Verdict::kGood, "overlay with lowerdir+", ""};
  }
  return {Verdict::kWarning,
          "overlay without lowerdir+: root file systems pass through the host's mount table",
          "Linux 6.8 or later does without"};
}

Finding probe_seccomp() {
  const auto actions = read_file("/proc/sys/kernel/seccomp/actions_avail", kMaxProc);
  if (actions && actions->find("errno") != std::string::npos) return {Verdict::kGood, "seccomp filters", ""};
  return {Verdict::kBad, "seccomp filters are missing", "use a kernel with CONFIG_SECCOMP_FILTER"};
}

Finding probe_namespaces() {
  std::string missing;
  for (const char* name : {"mnt", "pid", "net", "ipc", "uts", "cgroup"}) {
    if (!exists(cat("/proc/self/ns/", name))) missing += cat(missing.empty() ? "" : ", ", name);
  }
  if (missing.empty()) return {Verdict::kGood, "namespaces", ""};
  return {Verdict::kBad, cat("namespaces are missing: ", missing),
          "use a kernel with CONFIG_NAMESPACES and all of its kinds"};
}

}  // namespace

std::vector<Finding> probe_kernel() {
  std::vector<Finding> found = {probe_version()};
  for (const runtime::KernelCall& call : runtime::needed_calls()) found.push_back(probe_call(call));
  for (const Finding& finding : {probe_overlay(), probe_seccomp(), probe_namespaces()})
    found.push_back(finding);
  return found;
}

}  // namespace berth::ctl
