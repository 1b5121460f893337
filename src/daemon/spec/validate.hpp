// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "daemon/cri.hpp"

namespace berth::daemon {

/// Checks what a request says about itself, before anything is made: kInvalidArgument names the
/// field and the value. Neither the host nor the store is looked at.
Result<void> validate_pod(const cri::PodSandboxConfig& config);
Result<void> validate_container(const cri::ContainerConfig& config);
/// A DNS label, as it may become part of a path.
Result<void> validate_namespace(const std::string& name);
Result<void> validate_resources(const cri::LinuxContainerResources& resources);

}  // namespace berth::daemon
