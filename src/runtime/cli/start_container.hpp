// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "runtime/cli/container.hpp"
#include "runtime/cli/launched_child.hpp"

namespace berth::runtime::cli {

/// Runs the startContainer hooks, opens the gate through the pipes in the state directory, waits for
/// the execve, and runs the poststart hooks. The container is locked. When a hook fails it is
/// destroyed; when the program cannot be run its process has ended.
Result<void> start_container(Container& container);

/// The same for a container that this process has just launched.
Result<void> start_container(Container& container, LaunchedChild& child);

}  // namespace berth::runtime::cli
