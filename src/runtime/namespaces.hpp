// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runtime/oci/spec.hpp"

namespace berth::runtime {

/// The namespaces that a pod's containers share, and what is set up inside them before anything
/// runs there. Made by the calling thread, which leaves its own namespaces for the time of the call
/// and is back when it returns (if the way back fails the process ends: a thread in the wrong
/// network namespace must not serve another call).
struct PodNamespacesRequest {
  bool network = true;  ///< false: the host's
  bool ipc = true;
  bool uts = true;
  std::string hostname;                        ///< set when uts
  std::string network_pin;                     ///< path to bind the network namespace to (CNI_NETNS); created
  std::map<std::string, std::string> sysctls;  ///< only keys that the new namespaces own
  /// With them the others belong to a user namespace; without, to the host's.
  std::vector<oci::IdMapping> uid_mappings, gid_mappings;
};
struct PodNamespaces {
  UniqueFd network, ipc, uts, user;
};

/// Refuses, before anything is made, sysctls that are malformed or belong to a namespace that the
/// pod shares with the host (kInvalidArgument names key and value). Brings `lo` up.
Result<void> check_pod_sysctls(const PodNamespacesRequest& request);
Result<PodNamespaces> create_pod_namespaces(const PodNamespacesRequest& request);

/// A socket of that family (AF_INET, AF_INET6, AF_NETLINK) in another network namespace, or in the thread's
/// own with -1; CLOEXEC. What it does later, it does there.
Result<UniqueFd> socket_in_network(int network_fd, int family, int type);

/// Unmounts and removes a pin; absent is success. A busy one is detached.
Result<void> unpin_namespace(const std::string& path);

}  // namespace berth::runtime
