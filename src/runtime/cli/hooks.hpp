// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "runtime/cli/container.hpp"
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

/// Whom a hook inside of the container is like: whoever makes the container, or its program.
enum class HookRights : std::uint8_t { kMaker, kProgram };

/// Inside the container that `pidfd` is the process of: in its cgroup, its namespaces and its root. The
/// maker is root of its user namespace with all rights; the program has its own, under its filter.
Result<void> run_hooks_inside(const HookPoint& point, HookRights rights, Container& container,
                              const oci::Spec& spec, int pidfd);

}  // namespace berth::runtime::cli
