// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/result.hpp"
#include "daemon/cri.hpp"
#include "runtime/oci/spec.hpp"

namespace berth::daemon {

/// Device nodes of a container and what its device cgroup allows. A host directory stands for all
/// devices below it; privileged containers get every device of the host's /dev and no restriction.
struct ContainerDevices {
  std::vector<oci::Device> nodes;
  std::vector<oci::DeviceRule> rules;
};
Result<ContainerDevices> container_devices(const cri::ContainerConfig& config);

}  // namespace berth::daemon
