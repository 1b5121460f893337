// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runtime/intel_rdt.hpp"
#include "runtime/plan_model.hpp"

/// How materialise() gets the descriptors that a plan wishes for. Internal to src/runtime.
namespace berth::runtime {

/// User namespaces for id-mapped mounts; mounts with the same maps share one.
class NamespaceMaker {
 public:
  /// Borrowed; lives as long as this.
  Result<int> get(const TreeFd::IdMap& map);

 private:
  std::map<std::string, UniqueFd> made_;
};

struct Tree {
  UniqueFd fd;
  bool is_directory = false;
};
Result<Tree> open_tree(const TreeFd& wanted, NamespaceMaker& namespaces);

/// The host's /dev/null, verified.
Result<UniqueFd> open_null();
/// The root of the host's procfs, verified.
Result<UniqueFd> open_proc();
/// Of the right type, and not this process's own where that matters.
Result<UniqueFd> open_namespace(const NamespaceFd& wanted);
/// kFailedPrecondition when nobody listens.
Result<UniqueFd> connect_agent(const std::string& path);
/// What the container mounts in its root must not appear on the host. What is no mount is left to its
/// attachment to complain about.
void set_root_propagation(int rootfs, std::uint64_t propagation);

/// What this process lacks the rights for: refused by name, or warned about in the plan. See
/// docs/host-limits.md.
Result<void> check_host_limits(Plan& plan);

}  // namespace berth::runtime
