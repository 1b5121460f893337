// SPDX-License-Identifier: Apache-2.0
#include "runtime/namespaces.hpp"
#include "runtime/sysctl_keys.hpp"

namespace berth::runtime {
namespace {

Result<void> check_owner(const PodNamespacesRequest& request, std::string_view key, std::string_view value) {
  const auto owner = sysctl_owner(key);
  if (owner == oci::NamespaceType::kNetwork) {
    return request.network ? Result<void>()
                           : sysctl_refusal(key, value, "the pod shares the host's network namespace");
  }
  if (owner == oci::NamespaceType::kIpc) {
    return request.ipc ? Result<void>()
                       : sysctl_refusal(key, value, "the pod shares the host's IPC namespace");
  }
  return sysctl_refusal(key, value, "it does not belong to a namespace of the pod");
}

}  // namespace

Result<void> check_pod_sysctls(const PodNamespacesRequest& request) {
  for (const auto& [key, value] : request.sysctls) {
    RETURN_IF_ERROR(check_sysctl_form(key, value));
    RETURN_IF_ERROR(check_owner(request, key, value));
  }
  return {};
}

}  // namespace berth::runtime
