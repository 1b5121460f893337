// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/rootless.hpp"

#include <unistd.h>

#include <cerrno>

#include "base/cat.hpp"
#include "base/json.hpp"
#include "runtime/namespaces_own.hpp"
#include "runtime/oci/id_mappings.hpp"
#include "runtime/oci/linux_check.hpp"
#include "runtime/oci/spec_json.hpp"

namespace berth::runtime::cli {
namespace {

using oci::NamespaceType;

bool is_new(const oci::Spec& spec, NamespaceType type) {
  const oci::Namespace* found = oci::find_namespace(spec.linux_, type);
  return found != nullptr && found->path.empty();
}

bool maps_only(const std::vector<oci::IdMapping>& mappings, std::uint32_t id) {
  return mappings.size() == 1 && mappings[0].size == 1 && mappings[0].host_id == id;
}

void drop_user_namespace(oci::Spec& spec) {
  std::erase_if(spec.linux_.namespaces,
                [](const oci::Namespace& entry) { return entry.type == NamespaceType::kUser; });
  spec.linux_.uid_mappings.clear();
  spec.linux_.gid_mappings.clear();
}

}  // namespace

Result<void> enter_own_namespace(oci::Spec& spec) {
  if (::geteuid() == 0) return {};
  const bool own = is_new(spec, NamespaceType::kUser) && maps_only(spec.linux_.uid_mappings, ::geteuid()) &&
                   maps_only(spec.linux_.gid_mappings, ::getegid());
  if (!own) {
    return Error(Code::kPermissionDenied,
                 "containers are made by root, by root of a user namespace, or by a user whose container has "
                 "a user namespace that maps his own user and group and nothing else");
  }
  RETURN_IF_ERROR(enter_new_user_namespace(oci::id_map_text(spec.linux_.uid_mappings),
                                           oci::id_map_text(spec.linux_.gid_mappings)));
  drop_user_namespace(spec);
  return {};
}

Result<void> enter_namespace_of(Container& container, int pidfd) {
  if (::geteuid() == 0) return {};
  ASSIGN_OR_RETURN(const oci::Spec* const spec, container.spec());
  if (!is_new(*spec, NamespaceType::kUser)) return {};
  RETURN_IF_ERROR(join_user_namespace(pidfd));
  oci::Spec rest = *spec;
  drop_user_namespace(rest);
  container.keep_spec(std::move(rest));
  return {};
}

Result<void> keep_to_rights(const Globals& globals, const oci::User& user, Plan& plan) {
  if (!globals.rootless || !is_setgroups_denied()) return {};
  if (!user.additional_gids.empty()) {
    return Error(Code::kFailedPrecondition,
                 "process.user.additionalGids: setgroups is denied in this user namespace");
  }
  std::erase_if(plan.ops, [](const PlannedOp& op) { return op.kind == plan::OpKind::kGroups; });
  return {};
}

Result<void> go_without_cgroup(const oci::Spec& spec, const Error& why) {
  const int err = why.sys_errno();
  if (err != EACCES && err != EPERM && err != EROFS) return why;
  oci::Resources limits = spec.linux_.resources;
  limits.devices.clear();
  const Json asked = oci::to_json(limits);
  if (!asked.empty())
    return Error(why).add_context(cat("linux.resources asks for limits (", to_text(asked), ")"));
  if (is_new(spec, NamespaceType::kPid)) return {};
  return Error(why).add_context(
      "without a cgroup, nor a PID namespace of its own, its processes would not be known");
}

}  // namespace berth::runtime::cli
