// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/sched.h>
#include <sys/types.h>

#include "pid1/child.h"
#include "pid1/plan_format.h"

namespace berth::pid1 {

/// Whoever may trace the members of a PID namespace sees a newcomer from its birth on, with its root and
/// its descriptors. So a child that joins one is born when it has its own root and nothing of the host's:
/// its midwife does its first steps. Not with a user namespace (in which nobody may trace what was born
/// outside), nor with hooks, which are told its number before it has its root. With an agent it has the
/// connection to that one, too.
bool is_born_late(const PlanView& plan);
/// The step is one of those.
bool is_early(const plan::Op& op);

/// Some step of the plan is not the child's own: see plan::By.
bool needs_midwife(const PlanView& plan);

/// Gives pipes to the program's user when he is in a user namespace, from inside of which nobody
/// could: they belong to the host's root. 0, or an errno.
int give_streams(const Child& child);

/// What clone3 is told by a plan; EINVAL for flags that are no namespaces.
int fill_clone_args(const Child& child, clone_args& args);

/// Makes the calling process the midwife: joins, does the steps that are its own, clones the child,
/// does the rest to the child and lets it go. The caller keeps what it became: its work is done.
/// `join_pid`: PID namespace that the child is born in, -1: none. `flags`: more for clone3. `pid` is
/// the child's before it does anything.
plan::Failure deliver(Child& child, int join_pid, uint64_t flags, pid_t& pid);

}  // namespace berth::pid1
