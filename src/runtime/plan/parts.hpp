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
/// The descriptor of one that is joined: the pod's, or by path.
FdRequest origin_fd(const oci::Spec& spec, const CompileOptions& options, oci::NamespaceType type);
std::uint64_t clone_flag(oci::NamespaceType type);
std::string_view namespace_name(oci::NamespaceType type);

Result<void> add_namespaces(const oci::Spec& spec, const CompileOptions& options, Plan& plan);
Result<void> add_exec_namespaces(const ExecTarget& target, Plan& plan);
Result<void> add_hostname(const oci::Spec& spec, const CompileOptions& options, Plan& plan);
Result<void> add_rootfs(const oci::Spec& spec, const CompileOptions& options, Plan& plan);
Result<void> add_mounts(const oci::Spec& spec, const CompileOptions& options, Plan& plan);
Result<void> add_devices(const oci::Spec& spec, const CompileOptions& options, Plan& plan);
/// Before the root becomes read-only.
void add_working_dir(const oci::Spec& spec, Plan& plan);
/// Read-only root, masked and read-only paths.
void add_path_confinement(const oci::Spec& spec, Plan& plan);
/// Labels, groups, bounding set, ids, capabilities, no_new_privs, and seccomp where it belongs.
Result<void> add_privileges(const oci::Process& process, std::shared_ptr<const SeccompProgram> seccomp,
                            const std::optional<SeccompAgent>& agent, Plan& plan);

/// Whether the container has a user namespace, new or joined.
bool in_user_namespace(const oci::Spec& spec, const CompileOptions& options);
void add_id_maps(const oci::Spec& spec, const CompileOptions& options, Plan& plan);
/// Between the root's attachment, which needs the host's rights, and the first file.
void add_root_identity(const oci::Spec& spec, const CompileOptions& options, Plan& plan);
void add_sysctls(const oci::Spec& spec, Plan& plan);
/// Where the host has such a file system that a user namespace may not mount anew, because the
/// namespace that it shows is not its own; nullopt: it may.
std::optional<std::string> host_view(const oci::Spec& spec, const CompileOptions& options,
                                     const std::string& type);
/// The host's number of the process's user, when it differs and is known.
std::optional<std::uint32_t> host_uid(const oci::Spec& spec, const CompileOptions& options);
/// lo, and the devices that are moved in.
Result<void> add_net_devices(const oci::Spec& spec, const CompileOptions& options, Plan& plan);

/// `by`: who still has the right to it.
Result<void> add_scheduling(const oci::Process& process, plan::By by, Plan& plan);
Result<void> add_memory_policy(const oci::Linux& linux_, Plan& plan);
Result<void> add_personality(const oci::Linux& linux_, Plan& plan);
/// Before and after the cgroup is joined.
Result<void> add_initial_affinity(const oci::Process& process, Plan& plan);
Result<void> add_final_affinity(const oci::Process& process, Plan& plan);
/// Hard limits that only the host's root may raise.
Result<void> add_early_limits(const oci::Process& process, plan::By by, Plan& plan);

void add_cgroups(Plan& plan);
void add_resctrl(const oci::Spec& spec, const CompileOptions& options, Plan& plan);
void add_oom_score(const oci::Process& process, plan::By by, Plan& plan);
/// Keyring, stdio or terminal, working directory, rlimits, umask. `host_uid`: see plan::OpKind::kStdio.
Result<void> add_process_setup(const oci::Process& process, std::optional<std::uint32_t> host_uid,
                               Plan& plan);
/// Candidates, argv, envp, kFindProgram, kExec.
Result<void> add_program(const oci::Process& process, Plan& plan);
void add_gate(Plan& plan);
/// When everything is mounted, and nothing read-only yet.
void add_sync(Plan& plan);

/// The mount at exactly this destination, the last one counts; null when there is none.
const oci::Mount* mount_at(const oci::Spec& spec, std::string_view destination);
bool is_bind(const oci::Mount& mount);

}  // namespace berth::runtime::plan_parts
