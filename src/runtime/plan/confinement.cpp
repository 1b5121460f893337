// SPDX-License-Identifier: Apache-2.0
#include <linux/mount.h>
#include <linux/seccomp.h>

#include <algorithm>

#include "base/cat.hpp"
#include "base/log.hpp"
#include "runtime/capabilities.hpp"
#include "runtime/oci/spec_check.hpp"
#include "runtime/plan/parts.hpp"

namespace berth::runtime::plan_parts {
namespace {

using plan::OpKind;
using plan::Phase;

void add_label(std::uint32_t kind, std::string_view what, const std::string& name, Plan& plan) {
  plan.add({.kind = OpKind::kLabel,
            .phase = Phase::kPrivileges,
            .label = cat("confine with the ", what, " ", name),
            .mode = kind,
            .text = name,
            .fd = HostProcFd{}});
}

/// First of the privileges: a filter that comes before the ids closes every descriptor.
void add_labels(const oci::Process& process, Plan& plan) {
  if (!process.apparmor_profile.empty() && process.apparmor_profile != "unconfined")
    add_label(plan::kApparmorLabel, "AppArmor profile", process.apparmor_profile, plan);
  if (!process.selinux_label.empty())
    add_label(plan::kSelinuxLabel, "SELinux label", process.selinux_label, plan);
}

void add_groups(const oci::User& user, Plan& plan) {
  std::vector<std::uint32_t> groups;
  for (std::uint32_t gid : user.additional_gids) {
    if (std::find(groups.begin(), groups.end(), gid) == groups.end()) groups.push_back(gid);
  }
  const std::uint64_t count = groups.size();
  // Always, also for none: the daemon's own supplementary groups must not leak.
  plan.add({.kind = OpKind::kGroups,
            .phase = Phase::kPrivileges,
            .label = "set supplementary groups",
            .extra = std::move(groups),
            .value = count});
}

CapabilityMasks masks_of(const oci::Process& process, Plan& plan) {
  if (!process.capabilities) return {};
  std::vector<std::string> unknown;
  const CapabilityMasks masks = capability_masks(*process.capabilities, unknown);
  for (const std::string& name : unknown) {
    log::warn("unknown capability ignored", {{"capability", name}});
    plan.warnings.push_back(cat("process.capabilities: ", name, " is unknown and ignored"));
  }
  return masks;
}

void add_seccomp(std::shared_ptr<const SeccompProgram> program, const std::optional<SeccompAgent>& agent,
                 Phase phase, Plan& plan) {
  const std::uint64_t count = program->instructions.size();
  const std::uint64_t flags = program->flags;
  const bool asks = agent && (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0;
  plan.add(
      {.kind = OpKind::kSeccomp,
       .phase = phase,
       .label = asks ? cat("load the seccomp filter that asks ", agent->path) : "load the seccomp filter",
       .text = asks ? std::optional(agent->state) : std::nullopt,
       .extra = std::move(program),
       .fd = asks ? FdRequest(AgentFd{agent->path}) : FdRequest(NoFd{}),
       .flags = flags,
       .value = count});
}

}  // namespace

void add_path_confinement(const oci::Spec& spec, Plan& plan) {
  if (spec.root.readonly) {
    plan.add({.kind = OpKind::kMountAttr,
              .phase = Phase::kMask,
              .label = "make the root read-only",
              .target = "/",
              .flags = MOUNT_ATTR_RDONLY});
  }
  for (const std::string& path : spec.linux_.masked_paths) {
    plan.add({.kind = OpKind::kMaskPath,
              .phase = Phase::kMask,
              .label = cat("mask ", path),
              .target = oci::clean_path(path),
              .fd = HostNullFd{}});
  }
  for (const std::string& path : spec.linux_.readonly_paths) {
    plan.add({.kind = OpKind::kReadonlyPath,
              .phase = Phase::kMask,
              .label = cat("make ", path, " read-only"),
              .target = oci::clean_path(path)});
  }
}

Result<void> add_privileges(const oci::Process& process, std::shared_ptr<const SeccompProgram> seccomp,
                            const std::optional<SeccompAgent>& agent, Plan& plan) {
  add_labels(process, plan);
  const CapabilityMasks masks = masks_of(process, plan);
  add_groups(process.user, plan);
  plan.add({.kind = OpKind::kBoundingSet,
            .phase = Phase::kPrivileges,
            .label = "limit the capability bounding set",
            .value = masks.bounding});
  // Without no_new_privs a filter needs CAP_SYS_ADMIN, which the next steps take away.
  if (seccomp && !process.no_new_privileges) add_seccomp(seccomp, agent, Phase::kPrivileges, plan);
  plan.add({.kind = OpKind::kIds,
            .phase = Phase::kPrivileges,
            .label = cat("set user ", process.user.uid, ":", process.user.gid),
            .mode = 1,
            .flags = process.user.uid,
            .value = process.user.gid});
  plan.add({.kind = OpKind::kCapabilities,
            .phase = Phase::kPrivileges,
            .label = "set capabilities",
            .extra = std::vector<std::uint64_t>{masks.effective, masks.permitted, masks.inheritable,
                                                masks.ambient}});
  if (process.no_new_privileges) {
    plan.add({.kind = OpKind::kNoNewPrivs, .phase = Phase::kPrivileges, .label = "set no_new_privs"});
    if (seccomp) add_seccomp(std::move(seccomp), agent, Phase::kSeccomp, plan);
  }
  return {};
}

}  // namespace berth::runtime::plan_parts
