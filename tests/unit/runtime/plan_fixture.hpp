// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include "runtime/plan.hpp"

namespace berth::test {

inline oci::Capabilities few_capabilities() {
  const std::vector<std::string> names = {"CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
  return {.bounding = names, .effective = names, .permitted = names, .inheritable = {}, .ambient = {}};
}

/// What a daemon would ask for a plain container in a pod that shares network, ipc and uts.
inline oci::Spec small_spec() {
  oci::Spec spec;
  spec.root = {"/unused", true};
  spec.process.args = {"sh", "-c", "exec sleep 1"};
  spec.process.env = {"PATH=/usr/bin:/bin", "HOME=/root"};
  spec.process.cwd = "/";
  spec.process.capabilities = few_capabilities();
  spec.process.no_new_privileges = true;
  spec.process.oom_score_adj = 985;
  spec.process.rlimits = {{"RLIMIT_NOFILE", 1024, 4096}};
  spec.mounts = {
      {"/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}},
      {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
      {"/dev/pts",
       "devpts",
       "devpts",
       {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
      {"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
      {"/data", "bind", "/srv/data", {"rbind", "ro", "nosuid", "rslave"}},
      {"/etc/hosts", "bind", "/run/pod/hosts", {"bind"}},
  };
  spec.linux_.namespaces = {
      {oci::NamespaceType::kPid, ""}, {oci::NamespaceType::kMount, ""}, {oci::NamespaceType::kCgroup, ""}};
  spec.linux_.masked_paths = {"/proc/kcore", "/proc/keys"};
  spec.linux_.readonly_paths = {"/proc/sys"};
  spec.linux_.rootfs_propagation = "slave";
  return spec;
}

inline runtime::CompileOptions pod_options() {
  runtime::CompileOptions options;
  options.pod_namespaces = {oci::NamespaceType::kNetwork, oci::NamespaceType::kIpc, oci::NamespaceType::kUts};
  options.attach_dir = "/run/berth/attach";
  auto program = std::make_shared<runtime::SeccompProgram>();
  program->instructions = {{0x06, 0, 0, 0x7fff0000}};
  program->digest = "sha256:example";
  options.seccomp = std::move(program);
  return options;
}

/// The position of the first op of a kind; the number of ops when there is none.
inline std::size_t position(const runtime::Plan& plan, plan::OpKind kind) {
  const auto is_it = [&](const runtime::PlannedOp& op) { return op.kind == kind; };
  return static_cast<std::size_t>(std::find_if(plan.ops.begin(), plan.ops.end(), is_it) - plan.ops.begin());
}

inline const runtime::PlannedOp* find_label(const runtime::Plan& plan, const std::string& label) {
  for (const runtime::PlannedOp& op : plan.ops) {
    if (op.label == label) return &op;
  }
  return nullptr;
}

}  // namespace berth::test
