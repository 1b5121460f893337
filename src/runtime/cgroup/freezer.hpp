// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.hpp"
#include "runtime/cgroup/hierarchies.hpp"

namespace berth::runtime::cgroup {

/// Stops, resumes and kills everything in a group: through the unified hierarchy where the group is
/// there, otherwise through the v1 freezer. A group that is absent has nothing to kill or thaw.

/// Returns when everything is frozen; on failure (half a second) the group is thawed again.
Result<void> freeze_group(const Layout& layout, const std::string& group);
Result<void> thaw_group(const Layout& layout, const std::string& group);
/// Also while it is being frozen, and below a frozen parent: what is born there does not run.
bool is_group_frozen(const Layout& layout, const std::string& group);
/// SIGKILL to all, frozen ones too; does not wait for their end.
Result<void> kill_group(const Layout& layout, const std::string& group);

}  // namespace berth::runtime::cgroup
