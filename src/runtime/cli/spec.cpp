// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/cli/report.hpp"
#include "runtime/cli/verb.hpp"
#include "runtime/oci/spec_json.hpp"

namespace berth::runtime::cli {
namespace {

constexpr Option kSpecOptions[] = {
    {"bundle", 'b', "DIR", "Where config.json is written [.]"},
    {"rootless", '\0', "", "For a container of this user, with a user namespace that maps him alone"},
};

oci::Process default_process() {
  oci::Process process;
  process.terminal = true;
  process.args = {"sh"};
  process.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"};
  const std::vector<std::string> names = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
  process.capabilities = oci::Capabilities{names, names, names, {}, {}};
  process.rlimits = {{"RLIMIT_NOFILE", 1024, 1024}};
  process.no_new_privileges = true;
  return process;
}

std::vector<oci::Mount> default_mounts() {
  return {
      {"/proc", "proc", "proc", {}},
      {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
      {"/dev/pts",
       "devpts",
       "devpts",
       {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
      {"/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
      {"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
      {"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
      {"/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}},
  };
}

oci::Spec default_spec() {
  using enum oci::NamespaceType;
  oci::Spec spec;
  spec.oci_version = kSpecVersion;
  spec.process = default_process();
  spec.root = {"rootfs", true};
  spec.hostname = "berth";
  spec.mounts = default_mounts();
  spec.linux_.resources.devices = {{false, 'a', std::nullopt, std::nullopt, "rwm"}};
  spec.linux_.namespaces = {{kPid, ""}, {kNetwork, ""}, {kIpc, ""}, {kUts, ""}, {kMount, ""}, {kCgroup, ""}};
  // What of the kernel's views tells about, or reaches, more than the container.
  spec.linux_.masked_paths = {"/proc/acpi",
                              "/proc/asound",
                              "/proc/kcore",
                              "/proc/keys",
                              "/proc/latency_stats",
                              "/proc/timer_list",
                              "/proc/timer_stats",
                              "/proc/sched_debug",
                              "/proc/scsi",
                              "/sys/firmware",
                              "/sys/devices/virtual/powercap"};
  spec.linux_.readonly_paths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  return spec;
}

/// Whoever has one user and one group there has no group 5, and nobody's limits to set.
void make_rootless(oci::Spec& spec) {
  spec.linux_.namespaces.push_back({oci::NamespaceType::kUser, ""});
  spec.linux_.uid_mappings = {{0, ::geteuid(), 1}};
  spec.linux_.gid_mappings = {{0, ::getegid(), 1}};
  spec.linux_.resources = {};
  for (oci::Mount& mount : spec.mounts) {
    std::erase_if(mount.options, [](const std::string& option) { return option.starts_with("gid="); });
  }
}

Result<int> run_spec(const Context& context) {
  oci::Spec spec = default_spec();
  if (context.arguments.has("rootless")) make_rootless(spec);
  const std::string path = context.arguments.text("bundle", ".") + "/config.json";
  auto file = open_at(kCwd, path, O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (!file && file.error().sys_errno() == EEXIST)
    return Error(Code::kAlreadyExists, cat(path, " exists; remove it first"));
  if (!file) return std::move(file).error();
  RETURN_IF_ERROR(write_fd(file->get(), oci::to_json(spec).dump(2) + "\n", path));
  return 0;
}

}  // namespace

const Verb kSpec = {"spec", "", "Write a config.json to begin with", kSpecOptions, 0, 0, false, run_spec};

}  // namespace berth::runtime::cli
