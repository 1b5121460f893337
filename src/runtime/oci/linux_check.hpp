// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "runtime/oci/spec.hpp"

/// Parts of check_spec. Internal to src/runtime/oci.
namespace berth::oci {

/// Scheduler, io priority and affinity of a process.
Result<void> check_scheduling(const Process& process);
/// User namespace and mappings, and that the process's ids are in them.
Result<void> check_user_namespace(const Spec& spec);
/// Time offsets, net devices, personality, memory policy, cache allocation, seccomp's agent.
Result<void> check_extras(const Linux& linux_);
/// Only keys of namespaces that the container does not share with the host.
Result<void> check_sysctls(const Linux& linux_);
/// Both mappings or none, and only for binds.
Result<void> check_mount_mappings(const Mount& mount, const std::string& field, const Linux& linux_);

/// Null when the spec does not name the type.
const Namespace* find_namespace(const Linux& linux_, NamespaceType type);

}  // namespace berth::oci
