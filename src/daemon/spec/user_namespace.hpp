// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "daemon/cri.hpp"
#include "runtime/oci/spec.hpp"

namespace berth::daemon {

/// The user namespace of a pod, as its configuration asks for it. Pure.
struct IdMaps {
  std::vector<oci::IdMapping> uids, gids;  ///< one of each, or none: the host's
  explicit operator bool() const { return !uids.empty(); }
};
IdMaps id_maps_of(const cri::PodSandboxConfig& config);

/// The CRI's rules: mode POD with exactly one range of users and one of groups, equally long, that begin with
/// 0 in the container; or mode NODE. Not with a namespace of the host, nor privileged. kInvalidArgument.
Result<void> check_user_namespace(std::string_view who, const cri::LinuxSandboxSecurityContext& security);
/// A container names its pod's, or nothing.
Result<void> check_same_user_namespace(const cri::PodSandboxConfig& pod, const cri::ContainerConfig& config);

/// Mappings of the CRI as those of OCI.
template <class Mappings>
std::vector<oci::IdMapping> to_oci_mappings(const Mappings& mappings) {
  std::vector<oci::IdMapping> result;
  for (const auto& entry : mappings)
    result.push_back({entry.container_id(), entry.host_id(), entry.length()});
  return result;
}

/// `net.ipv4.ping_group_range` as the pod means it, in the host's numbers: its own groups end where its range
/// does. Every other value, and one that is not two numbers, as it is.
std::string sysctl_for_host(const IdMaps& maps, std::string_view key, const std::string& value);

}  // namespace berth::daemon
