// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::runtime::cgroup {

/// Names of cgroups: absolute, relative to the hierarchies' mount roots, the same in all of them.
/// These functions only handle text; whatever passed check_group_path cannot leave a hierarchy.

/// kInvalidArgument names the path and what is wrong with it. "/" (the root itself) is refused:
/// nothing here may limit or kill the whole machine.
Result<void> check_group_path(const std::string& path);

/// For one component: not empty, no "/", not "." or "..", no control characters, at most 255 bytes.
Result<void> check_group_name(std::string_view name);

/// "/a/b" -> "/a"; "/a" -> "/".
std::string parent_of(const std::string& path);

/// For the *at calls: "/a/b" and "cpu.max" -> "a/b/cpu.max"; "/" and "" -> ".".
std::string below_root(std::string_view group, std::string_view file = {});

}  // namespace berth::runtime::cgroup
