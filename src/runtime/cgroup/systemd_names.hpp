// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::runtime::cgroup {

/// Names of systemd's units as paths of cgroups, and back. Text only; errors are kInvalidArgument
/// and name what they refuse.

/// The cgroup of a slice, whose parents are in its name: "a-b.slice" -> "/a.slice/a-b.slice";
/// "-.slice" -> "/".
Result<std::string> expand_slice(std::string_view slice);

/// A unit's name: letters, digits, ":-_.\@" and one of the two types, at most 255 bytes.
Result<void> check_unit_name(std::string_view name);

/// The OCI form "slice:prefix:name" of linux.cgroupsPath as a path: scope "prefix-name.scope" in the
/// slice, or the slice "name" itself if that is one. An empty slice is `default_slice`; an empty
/// path is scope "berth-<id>.scope" in it.
Result<std::string> systemd_group_path(std::string_view cgroups_path, std::string_view id,
                                       std::string_view default_slice = "system.slice");

/// What a kubelet gives as cgroup parent: a slice, by name or by the path that the name stands for.
Result<std::string> slice_parent(std::string_view parent);

/// "/a.slice/a-b.slice/x.scope" as unit "x.scope" in "a-b.slice". Refused unless the path is the one
/// that systemd would give that unit.
struct UnitPlace {
  std::string unit;
  std::string slice;  ///< that it is in; empty for a slice, which has it in its name
  bool is_slice = false;
};
Result<UnitPlace> unit_of_path(const std::string& path);

}  // namespace berth::runtime::cgroup
