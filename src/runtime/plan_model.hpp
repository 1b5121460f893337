// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "pid1/plan_format.h"
#include "runtime/oci/spec.hpp"
#include "runtime/seccomp_program.hpp"

namespace berth::runtime {

// Descriptors as wishes: what materialise() opens, or takes from PlanResources.
struct NoFd {};
struct RootfsFd {};
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
};
struct NumberedFd {  ///< only in decoded plans
  std::uint32_t index;
};

/// A bind source: cloned detached; then `recursive_*` on the whole tree, then set/clear on its top.
struct TreeFd {
  std::string source;
  bool recursive = false;  ///< rbind
  std::uint64_t set = 0, clear = 0;
  std::uint64_t recursive_set = 0, recursive_clear = 0;
  std::uint64_t propagation = 0;  ///< MS_PRIVATE, MS_SLAVE, ...
  bool propagation_recursive = true;
  bool must_be_procfs = false;  ///< it will be the container's /proc
};
using FdRequest = std::variant<NoFd, RootfsFd, EveryCgroup, TargetFd, HostNullFd, HostProcFd, PodFd,
                               NamespaceFd, NumberedFd, TreeFd>;

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
  std::vector<std::string> argv;
  std::vector<std::string> envp;
  std::vector<std::string> candidates;
};

}  // namespace berth::runtime
