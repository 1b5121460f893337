// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "runtime/plan.hpp"

/// The parts of the plan compiler. Each adds its ops, in its phases; within a phase the order of
/// the calls in plan.cpp counts. None touches the kernel. Internal to src/runtime.
namespace berth::runtime::plan_parts {

/// How a namespace of the container comes about.
enum class NamespaceOrigin : std::uint8_t { kInherited, kNew, kPod, kPath };
NamespaceOrigin namespace_origin(const oci::Spec& spec, const CompileOptions& options,
                                 oci::NamespaceType type);
std::uint64_t clone_flag(oci::NamespaceType type);
std::string_view namespace_name(oci::NamespaceType type);

Result<void> add_namespaces(const oci::Spec& spec, const CompileOptions& options, Plan& plan);
Result<void> add_exec_namespaces(const ExecTarget& target, Plan& plan);
Result<void> add_hostname(const oci::Spec& spec, const CompileOptions& options, Plan& plan);
Result<void> add_rootfs(const oci::Spec& spec, const CompileOptions& options, Plan& plan);
Result<void> add_mounts(const oci::Spec& spec, Plan& plan);
Result<void> add_devices(const oci::Spec& spec, Plan& plan);
/// Before the root becomes read-only.
void add_working_dir(const oci::Spec& spec, Plan& plan);
/// Read-only root, masked and read-only paths.
void add_path_confinement(const oci::Spec& spec, Plan& plan);
/// Labels, groups, bounding set, ids, capabilities, no_new_privs, and seccomp where it belongs.
Result<void> add_privileges(const oci::Process& process, std::shared_ptr<const SeccompProgram> seccomp,
                            Plan& plan);

void add_cgroups(Plan& plan);
void add_oom_score(const oci::Process& process, Plan& plan);
/// Keyring, stdio or terminal, working directory, rlimits, umask.
Result<void> add_process_setup(const oci::Process& process, Plan& plan);
/// Candidates, argv, envp, kFindProgram, kExec.
Result<void> add_program(const oci::Process& process, Plan& plan);
void add_gate(Plan& plan);
/// When everything is mounted, and nothing read-only yet.
void add_sync(Plan& plan);

/// The mount at exactly this destination, the last one counts; null when there is none.
const oci::Mount* mount_at(const oci::Spec& spec, std::string_view destination);
bool is_bind(const oci::Mount& mount);

}  // namespace berth::runtime::plan_parts
