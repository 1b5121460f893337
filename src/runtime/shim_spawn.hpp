// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runtime/cgroup/manager.hpp"

namespace berth::runtime {

/// A process that is in its cgroups before its first instruction, so that all of its memory is
/// counted there; posix_spawn cannot do that, and moving it afterwards waits for an RCU grace
/// period. Like posix_spawn it never copies the daemon's page tables.
struct ShimSpawn {
  int program = -1;                      ///< executed; need not be inheritable
  std::vector<const char*> argv;         ///< without the final null pointer; the environment is empty
  std::vector<std::pair<int, int>> fds;  ///< {ours, theirs}; 0 to 2 are /dev/null unless mapped
  const cgroup::JoinFds* group = nullptr;
};

/// The pidfd of the new leader of a new session, all signals blocked; everything else is closed in
/// it. Returns when the program runs.
Result<UniqueFd> spawn_in_cgroup(const ShimSpawn& request);

}  // namespace berth::runtime
