// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "runtime/oci/spec.hpp"

namespace berth::runtime::cli {

/// One point of a container's life at which hooks run: in order, each with the state on stdin, each
/// killed when its timeout is over.
struct HookPoint {
  std::string_view name;  ///< "createRuntime"
  const std::vector<oci::Hook>& hooks;
  std::string state;             ///< JSON
  char** environment = nullptr;  ///< for hooks that bring none
};

/// In the runtime's own namespaces. Stops at the first that fails: the error names it.
Result<void> run_hooks(const HookPoint& point);

/// Inside the container that `pidfd` is the process of: its namespaces of these types and its root.
Result<void> run_hooks_inside(const HookPoint& point, const std::vector<oci::Namespace>& namespaces,
                              int pidfd);

}  // namespace berth::runtime::cli
