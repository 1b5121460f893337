// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/unique_fd.hpp"
#include "pid1/plan_format.h"
#include "runtime/oci/spec.hpp"
#include "runtime/seccomp_program.hpp"

namespace berth::runtime {

// Descriptors as wishes: what materialise() opens, or takes from PlanResources.
struct NoFd {};
struct RootfsFd {
  std::uint64_t propagation = 0;  ///< MS_*, of all its mounts, before it is attached
};
struct EveryCgroup {};  ///< the op is repeated for every cgroup.procs of the resources
struct TargetFd {};     ///< pidfd of the container that an exec enters
struct HostNullFd {};   ///< the host's /dev/null, verified
struct HostProcFd {};   ///< the root of the host's procfs, verified
struct PodFd {
  std::uint32_t name;  ///< plan::kPodNet ...
};
struct NamespaceFd {
  oci::NamespaceType type;
  std::string path;
  bool not_ours = false;  ///< kernel parameters will be set in it: this process's own is refused
};
struct AgentFd {  ///< a stream connection to a seccomp agent
  std::string path;
};
struct ResctrlFd {  ///< the tasks file of a group of CPU cache and memory bandwidth
  oci::IntelRdt wanted;
  std::string container;
};
struct NumberedFd {  ///< only in decoded plans
  std::uint32_t index;
};

/// A bind source: cloned detached; then `recursive_*` on the whole tree, then set/clear on its top.
struct TreeFd {
  std::string source;
  std::shared_ptr<const UniqueFd> given = nullptr;  ///< detached already, instead of the source
  bool recursive = false;                           ///< rbind
  std::uint64_t set = 0, clear = 0;
  std::uint64_t recursive_set = 0, recursive_clear = 0;
  std::uint64_t propagation = 0;  ///< MS_PRIVATE, MS_SLAVE, ...
  bool propagation_recursive = true;
  bool must_be_procfs = false;  ///< it will be the container's /proc
  bool follow = true;           ///< a symbolic link as the last component of source
  struct Device {
    std::uint32_t type;  ///< S_IFCHR or S_IFBLK
    std::uint64_t number;
  };
  std::optional<Device> must_be_device = std::nullopt;
  /// Id-mapped, for the whole tree if recursive. By a namespace that exists (path) or by maps.
  struct IdMap {
    std::vector<oci::IdMapping> uids, gids;
    std::string user_namespace;
    bool recursive = false;
  };
  std::optional<IdMap> id_map = std::nullopt;
};
using FdRequest = std::variant<NoFd, RootfsFd, EveryCgroup, TargetFd, HostNullFd, HostProcFd, PodFd,
                               NamespaceFd, NumberedFd, TreeFd, AgentFd, ResctrlFd>;

using OpExtra = std::variant<std::monostate, std::vector<std::string>, std::vector<std::uint32_t>,
                             std::vector<std::uint64_t>, std::shared_ptr<const SeccompProgram>>;

/// One step before it is bytes; the fields mean what they mean in plan::Op.
struct PlannedOp {
  plan::OpKind kind;
  plan::Phase phase;
  std::string label = {};  ///< "mount proc on /proc": what failed, in words
  std::uint32_t mode = 0;
  std::optional<std::string> text = std::nullopt;
  std::optional<std::string> target = std::nullopt;
  OpExtra extra = {};
  FdRequest fd = NoFd{};
  std::uint64_t flags = 0;
  std::uint64_t value = 0;
  plan::By by = plan::By::kChild;
};

/// A launch plan on its way: ops as values, descriptors still as requests. Pure data; can be
/// dumped as text (golden files: a policy review is a diff of a plan) and needs no root.
class Plan {
 public:
  void add(PlannedOp op) { ops.push_back(std::move(op)); }

  std::string title;  ///< "container" or "exec"
  std::vector<PlannedOp> ops;
  std::uint64_t clone_flags = 0;
  FdRequest join_pid = NoFd{};
  /// The process has all capabilities of its own user namespace, whatever this one has.
  bool in_user_namespace = false;
  /// The cgroup is joined by the process itself: something has to happen before.
  bool joins_cgroup_late = false;
  /// What the container asked for and will not get as it stands: for the log and the state.
  std::vector<std::string> warnings;
  std::vector<std::string> argv;
  std::vector<std::string> envp;
  std::vector<std::string> candidates;
};

}  // namespace berth::runtime
