// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "runtime/cgroup/hierarchies.hpp"

namespace berth::runtime::cgroup {

/// Groups as directories of one hierarchy.

/// Makes `group` and its missing parents; the paths that this call made are appended to `made`,
/// outermost first, also on error. Existing ones are fine.
Result<void> make_group(const MountedHierarchy& hierarchy, const std::string& group,
                        std::vector<std::string>& made);

/// v1 only: a group can take no process before it has CPUs and memory nodes; missing ones are
/// copied down from the nearest parent that has them.
Result<void> inherit_cpuset(const MountedHierarchy& hierarchy, const std::string& group);

bool group_exists(const MountedHierarchy& hierarchy, const std::string& group);

/// Names of direct sub-groups; none when the group is absent.
std::vector<std::string> sub_groups(const MountedHierarchy& hierarchy, const std::string& group);

/// Appends the pids of the group and of everything below it.
void list_processes(const MountedHierarchy& hierarchy, const std::string& group, std::vector<int>& pids);

/// One attempt, bottom-up, at removing the group and all below it: 0, or the errno that stopped it
/// (EBUSY while a process is still on its way out). Absent is 0.
int try_remove(const MountedHierarchy& hierarchy, const std::string& group);

}  // namespace berth::runtime::cgroup
