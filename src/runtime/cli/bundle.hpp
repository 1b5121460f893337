// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "runtime/cgroup/manager.hpp"
#include "runtime/cli/state_dir.hpp"
#include "runtime/oci/spec.hpp"

namespace berth::runtime::cli {

/// A directory with a config.json, read once.
struct Bundle {
  std::string path;    ///< absolute
  std::string text;    ///< of config.json, as it was
  std::string rootfs;  ///< absolute
  oci::Spec spec;
};

/// `path` may be relative. kInvalidArgument for a config.json that this runtime does not take.
Result<Bundle> load_bundle(const std::string& path);

/// The container's cgroup in terms of cgroup::Manager: linux.cgroupsPath, or one named after the ID. For
/// systemd it has the form slice:prefix:name, and without one the scope is in system.slice.
Result<std::string> cgroup_path(const oci::Spec& spec, const std::string& id, bool systemd);

/// Fills in what config.json leaves to the runtime: sources relative to the bundle, mounts of type "cgroup"
/// as this host's hierarchies (whole ones, when `cgroup` is empty), HOME.
Result<void> complete_spec(const Bundle& bundle, const cgroup::Manager& cgroups, const std::string& cgroup,
                           oci::Spec& spec);

/// Appends runtime-spec's "Default Devices", which are usable whatever else is denied. No rules stay none:
/// they confine nothing, or change nothing.
void add_default_rules(std::vector<oci::DeviceRule>& rules);

/// The annotation that asks for an init: "true", or "group" when signals are to reach the whole process
/// group of the program.
inline constexpr std::string_view kInitAnnotation = "dev.berth.init";

/// A copy of berth-pid1 in `dir` becomes the first process of a container that asks for it.
/// kInvalidArgument when it asks for something else.
Result<void> add_wanted_init(const StateDir& dir, oci::Spec& spec);

/// Adds HOME from /etc/passwd below `root` (a directory) when the environment has none.
void complete_environment(int root, oci::Process& process);

}  // namespace berth::runtime::cli
