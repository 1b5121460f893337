// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "daemon/cri.hpp"
#include "runtime/oci/spec.hpp"

namespace berth::daemon {

/// Capabilities of a container: the default set, less drops, plus adds ("ALL" in either list), all
/// of the daemon's own for a privileged one. Inheritable is always empty; ambient only on request.
/// An unknown name is kInvalidArgument.
Result<oci::Capabilities> container_capabilities(const cri::LinuxContainerSecurityContext& security);

/// The seccomp profile that the security context asks for; absent: unconfined. Reads a Localhost
/// profile from disk; a missing one is kInvalidArgument.
Result<std::optional<oci::Seccomp>> container_seccomp(const cri::LinuxContainerSecurityContext& security,
                                                      const std::vector<std::string>& capabilities);

/// Refuses an AppArmor or SELinux wish that this host cannot keep.
Result<void> check_lsm(const cri::LinuxContainerSecurityContext& security);

/// The paths that hide the host's kernel from a container when the CRI says nothing about them.
const std::vector<std::string>& default_masked_paths();
const std::vector<std::string>& default_readonly_paths();

}  // namespace berth::daemon
