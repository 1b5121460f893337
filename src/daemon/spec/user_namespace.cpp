// SPDX-License-Identifier: Apache-2.0
#include "daemon/spec/user_namespace.hpp"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <sstream>

#include "base/cat.hpp"
#include "runtime/oci/id_mappings.hpp"

namespace berth::daemon {
namespace {

Error refused(std::string_view who, std::string_view why) {
  return Error(Code::kInvalidArgument, cat(who, ".namespace_options.userns_options", why));
}

Result<void> check_mapping(std::string_view who, const cri::UserNamespace& wish) {
  if (wish.uids_size() != 1 || wish.gids_size() != 1)
    return refused(who, ": exactly one range of users and one of groups is supported");
  const auto& uid = wish.uids(0);
  const auto& gid = wish.gids(0);
  if (uid.container_id() != 0 || gid.container_id() != 0)
    return refused(who, ": the ranges must begin with 0 in the container");
  if (uid.length() != gid.length()) return refused(who, ": the ranges are not equally long");
  const IdMaps maps{to_oci_mappings(wish.uids()), to_oci_mappings(wish.gids())};
  RETURN_IF_ERROR(oci::check_id_mappings(cat(who, ".namespace_options.userns_options.uids"), maps.uids));
  return oci::check_id_mappings(cat(who, ".namespace_options.userns_options.gids"), maps.gids);
}

}  // namespace

IdMaps id_maps_of(const cri::PodSandboxConfig& config) {
  const auto& options = config.linux().security_context().namespace_options();
  if (!options.has_userns_options() || options.userns_options().mode() != cri::POD) return {};
  return {to_oci_mappings(options.userns_options().uids()), to_oci_mappings(options.userns_options().gids())};
}

Result<void> check_user_namespace(std::string_view who, const cri::LinuxSandboxSecurityContext& security) {
  const auto& options = security.namespace_options();
  if (!options.has_userns_options() || options.userns_options().mode() == cri::NODE) return {};
  if (options.userns_options().mode() != cri::POD) return refused(who, ".mode must be POD or NODE");
  if (options.network() == cri::NODE || options.pid() == cri::NODE || options.ipc() == cri::NODE)
    return refused(who, ": a pod with a user namespace cannot have a namespace of the host");
  if (security.privileged()) return refused(who, ": a privileged pod cannot have a user namespace");
  return check_mapping(who, options.userns_options());
}

Result<void> check_same_user_namespace(const cri::PodSandboxConfig& pod, const cri::ContainerConfig& config) {
  const auto& wish = config.linux().security_context().namespace_options();
  if (!wish.has_userns_options()) return {};
  const auto& given = pod.linux().security_context().namespace_options().userns_options();
  const bool none = wish.userns_options().mode() == cri::NODE;
  const bool same = none ? !id_maps_of(pod)
                         : google::protobuf::util::MessageDifferencer::Equals(wish.userns_options(), given);
  if (same) return {};
  return refused("config.linux.security_context", " are not those of the pod sandbox");
}

std::string sysctl_for_host(const IdMaps& maps, std::string_view key, const std::string& value) {
  std::int64_t first = -1;
  std::int64_t last = -1;
  std::istringstream text(value);
  if (!maps || key != "net.ipv4.ping_group_range" || !(text >> first >> last)) return value;
  const std::int64_t highest = std::int64_t{maps.gids.front().size} - 1;
  if (first < 0 || first > last || first > highest) return value;
  const std::int64_t base = maps.gids.front().host_id;
  return cat(base + first, " ", base + std::min(last, highest));
}

}  // namespace berth::daemon
