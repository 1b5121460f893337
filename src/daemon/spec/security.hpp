// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "daemon/cri.hpp"
#include "runtime/apparmor.hpp"
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

/// The AppArmor profile that the container gets; empty: unconfined. Without a wish that is the host's
/// default. Refuses what this host cannot keep; whether a profile is loaded is asked at the launch.
Result<std::string> container_apparmor(const cri::LinuxContainerSecurityContext& security,
                                       const runtime::Apparmor& host);

/// Refuses SELinux options where they would mean something. Without SELinux they mean nothing, which
/// is logged.
Result<void> check_selinux(const cri::LinuxContainerSecurityContext& security, bool enabled);

/// The paths that hide the host's kernel from a container when the CRI says nothing about them.
const std::vector<std::string>& default_masked_paths();
const std::vector<std::string>& default_readonly_paths();

}  // namespace berth::daemon
