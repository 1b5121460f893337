// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

namespace berth::pid1 {

/// What the pause process is made of: PID 1 of a namespace that containers share. It holds the
/// namespace open and reaps, and owns nothing that a container could take from it.
struct PauseChild {
  int sync;
  int net, ipc, uts;   // -1: the host's
  const int* cgroups;  // tasks descriptors
  uint32_t cgroup_count;
};

/// The cloned child's whole life.
[[noreturn]] void run_pause_child(const PauseChild& child);

}  // namespace berth::pid1
