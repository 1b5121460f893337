// SPDX-License-Identifier: Apache-2.0
#include <linux/mount.h>

#include "base/cat.hpp"
#include "runtime/oci/id_mappings.hpp"
#include "runtime/oci/linux_check.hpp"
#include "runtime/plan/parts.hpp"
#include "runtime/sysctl_keys.hpp"

namespace berth::runtime::plan_parts {
namespace {

using oci::NamespaceType;
using plan::By;
using plan::OpKind;
using plan::Phase;

/// A namespace that is new along with the user namespace belongs to it. One that is joined together with the
/// user namespace (the pod's, or by path) is taken to, or in the one that we are in ourselves.
bool is_owned(const oci::Spec& spec, const CompileOptions& options, NamespaceType type) {
  const NamespaceOrigin user = namespace_origin(spec, options, NamespaceType::kUser);
  const NamespaceOrigin origin = namespace_origin(spec, options, type);
  if (origin == NamespaceOrigin::kNew) return true;
  const bool ours = options.lacks_host_rights && user == NamespaceOrigin::kInherited;
  const bool joined = user == NamespaceOrigin::kPath || user == NamespaceOrigin::kPod;
  return origin != NamespaceOrigin::kInherited && (joined || ours);
}

}  // namespace

bool in_user_namespace(const oci::Spec& spec, const CompileOptions& options) {
  return namespace_origin(spec, options, NamespaceType::kUser) != NamespaceOrigin::kInherited;
}

void add_id_maps(const oci::Spec& spec, const CompileOptions& options, Plan& plan) {
  plan.in_user_namespace = in_user_namespace(spec, options);
  if (namespace_origin(spec, options, NamespaceType::kUser) != NamespaceOrigin::kNew) return;
  plan.add({.kind = OpKind::kIdMaps,
            .phase = Phase::kJoin,
            .label = "map the ids of the user namespace",
            .text = oci::id_map_text(spec.linux_.uid_mappings),
            .target = oci::id_map_text(spec.linux_.gid_mappings),
            .by = By::kMidwifeAfter});
}

void add_root_identity(const oci::Spec& spec, const CompileOptions& options, Plan& plan) {
  if (!in_user_namespace(spec, options)) return;
  const auto& uids = spec.linux_.uid_mappings;
  const auto& gids = spec.linux_.gid_mappings;
  // Without maps here (a namespace that is joined) there is a root until the kernel says otherwise.
  const std::uint32_t uid = uids.empty() || oci::host_id(uids, 0) ? 0 : spec.process.user.uid;
  const std::uint32_t gid = gids.empty() || oci::host_id(gids, 0) ? 0 : spec.process.user.gid;
  plan.add({.kind = OpKind::kBecomeRoot,
            .phase = Phase::kFiles,
            .label = cat("become ", uid, ":", gid, " of the user namespace"),
            .flags = uid,
            .value = gid});
}

void add_sysctls(const oci::Spec& spec, Plan& plan) {
  for (const auto& [key, value] : spec.linux_.sysctl) {
    plan.add({.kind = OpKind::kSysctl,
              .phase = Phase::kFiles,
              .label = cat("set sysctl ", key, " to ", value),
              .text = value,
              .target = sysctl_path(key)});
  }
}

std::optional<std::string> host_view(const oci::Spec& spec, const CompileOptions& options,
                                     const std::string& type) {
  if (!options.lacks_host_rights && !in_user_namespace(spec, options)) return std::nullopt;
  if (type == "sysfs" && !is_owned(spec, options, NamespaceType::kNetwork)) return "/sys";
  if (type == "mqueue" && !is_owned(spec, options, NamespaceType::kIpc)) return "/dev/mqueue";
  if (type == "proc" && namespace_origin(spec, options, NamespaceType::kPid) == NamespaceOrigin::kInherited)
    return "/proc";
  return std::nullopt;
}

std::optional<std::uint32_t> host_uid(const oci::Spec& spec, const CompileOptions& options) {
  if (!in_user_namespace(spec, options)) return std::nullopt;
  return oci::host_id(spec.linux_.uid_mappings, spec.process.user.uid);
}

}  // namespace berth::runtime::plan_parts

namespace berth::runtime {

ExecTarget exec_target(const oci::Spec& spec, const oci::Process& process,
                       std::set<oci::NamespaceType> namespaces, const std::string& id,
                       const std::string& bundle) {
  const auto& uids = spec.linux_.uid_mappings;
  const auto& gids = spec.linux_.gid_mappings;
  ExecTarget target{std::move(namespaces)};
  if (!uids.empty() && !oci::host_id(uids, 0)) target.root_uid = process.user.uid;
  if (!gids.empty() && !oci::host_id(gids, 0)) target.root_gid = process.user.gid;
  target.host_uid = oci::host_id(uids, process.user.uid);
  target.agent = seccomp_agent(spec, id, bundle);
  return target;
}

}  // namespace berth::runtime
