// SPDX-License-Identifier: Apache-2.0
#include "daemon/state/pod_sandbox.hpp"

#include "base/cat.hpp"

namespace berth::daemon {

std::string pod_name_key(const cri::PodSandboxMetadata& metadata) {
  return cat(metadata.namespace_(), "/", metadata.name(), "/", metadata.uid(), "/", metadata.attempt());
}

std::string cgroup_of(const std::string& parent, const std::string& id) {
  return cat(parent, "/berth-", id, parent.ends_with(".slice") ? ".scope" : "");
}

std::string PodSandbox::name_key() const {
  return pod_name_key(record_.config.metadata());
}

}  // namespace berth::daemon
