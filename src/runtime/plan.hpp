// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runtime/oci/spec.hpp"
#include "runtime/plan_model.hpp"
#include "runtime/seccomp_program.hpp"

namespace berth::runtime {

/// A cgroup hierarchy of the host, for a mount of the type "cgroup".
struct CgroupView {
  std::string name;                  ///< of its directory: "cpu,cpuacct", "unified"
  std::vector<std::string> options;  ///< v1: {"cpu","cpuacct"}, {"none","name=systemd"}
  bool v2 = false;
  std::string directory;  ///< the container's own group in it, on the host
};

struct CompileOptions {
  /// Namespaces of these types are the pod's: joined through what the shim holds (kPod*).
  std::set<oci::NamespaceType> pod_namespaces;
  std::shared_ptr<const SeccompProgram> seccomp;  ///< null: unconfined
  std::string attach_dir;                         ///< empty host directory for kAttachRoot
  std::vector<CgroupView> cgroups;                ///< for mounts of the type "cgroup"
  std::string bundle;                             ///< absolute; what relative bind sources are relative to
  std::string container_id;                       ///< told to a seccomp agent, names a group of resctrl
  bool stops_for_hooks = false;                   ///< kSync before the pivot
  /// This process is in a user namespace that is not the machine's: it makes no devices, and shows what is
  /// not its own as it is.
  bool lacks_host_rights = false;
};

/// Whom a filter with SCMP_ACT_NOTIFY asks, and what it is told about the process.
struct SeccompAgent {
  std::string path;
  std::string state;  ///< JSON with plan::kPidMark where the process's number belongs
};
/// What the spec says; nullopt without a listenerPath.
std::optional<SeccompAgent> seccomp_agent(const oci::Spec& spec, const std::string& id,
                                          const std::string& bundle);

/// How an exec finds its container.
struct ExecTarget {
  /// Namespace kinds of the container that differ from the shim's own; joined by one setns on its pidfd.
  std::set<oci::NamespaceType> namespaces;
  /// Of the container's user namespace: who its files belong to before the process has its own ids.
  std::uint32_t root_uid = 0, root_gid = 0;
  /// The host's number of the process's user there, whom pipes are given to.
  std::optional<std::uint32_t> host_uid = std::nullopt;
  std::optional<SeccompAgent> agent = std::nullopt;
};

/// Compiles a container's spec: namespaces, rootfs, mounts, devices, confinement, process.
/// kInvalidArgument names the field and the value. Does not touch the kernel.
Result<std::unique_ptr<Plan>> compile_container(const oci::Spec& spec, const CompileOptions& options);

/// Compiles a further process of a running container. `process` is complete (user, caps, env, cwd).
Result<std::unique_ptr<Plan>> compile_exec(const oci::Process& process, const ExecTarget& target,
                                           std::shared_ptr<const SeccompProgram> seccomp);

/// The target of an exec into the container of `spec`: what its user namespace and its filter ask for.
ExecTarget exec_target(const oci::Spec& spec, const oci::Process& process,
                       std::set<oci::NamespaceType> namespaces, const std::string& id,
                       const std::string& bundle);

/// "# plan: ..." with one line per op, grouped by phase; stable, for golden files and `berthctl plan`.
std::string dump(const Plan& plan);

/// What only the caller can open.
struct PlanResources {
  UniqueFd rootfs;                     ///< detached mount of the root file system (containers)
  std::vector<UniqueFd> cgroup_tasks;  ///< every v1 group's tasks file
  UniqueFd cgroup_v2;                  ///< directory for CLONE_INTO_CGROUP, where there is one
  UniqueFd target;                     ///< pidfd of the container's main process (execs)
};

/// Sealed bytes, the descriptors in plan order, and what each op meant.
struct LaunchPlan {
  UniqueFd memfd;
  std::vector<UniqueFd> fds;
  std::vector<std::string> labels;    ///< by op index: "mount proc on /proc", "set user 1000:1000"
  std::vector<std::string> warnings;  ///< what the container asked for and will not get as it stands
  bool made_resctrl_group = false;    ///< for remove_resctrl_group()
};

/// Opens the sources of bind mounts as detached trees (open_tree + mount_setattr), the host's
/// /dev/null, and namespaces given by path; lays out and seals the bytes. Blocks on the kernel.
/// A missing bind source is kInvalidArgument and names it.
Result<LaunchPlan> materialise(Plan&& plan, PlanResources resources);

/// "mount proc on /proc: Operation not permitted" for a failure that the shim reported.
Error launch_failure(const std::vector<std::string>& labels, std::uint32_t op_index, int err);

}  // namespace berth::runtime
