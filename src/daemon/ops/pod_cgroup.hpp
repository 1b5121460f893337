// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// Where the cgroups of pods and shims are: directories with the cgroupfs driver, slices and scopes
/// with systemd's. What a record says once stays true, whatever the driver is by then.

/// Opens the cgroup manager that the configuration asks for; with systemd's driver the configured
/// parent becomes the path of its slice.
Result<void> open_cgroups(Services& with);

/// Cgroup of the shims of this daemon.
std::string shim_cgroup(const Services& with);

/// The same, made if it is not there (after a restart it is, with the shims of the pods that went on).
Result<runtime::cgroup::JoinFds> open_shim_cgroup(Services& with);

/// The parent of a pod whose configuration names none.
std::string own_cgroup_parent(const Services& with, std::string_view pod_id);

/// The parent of a pod whose configuration names `asked`; kInvalidArgument when the driver cannot use
/// it: systemd's needs a slice.
Result<std::string> pod_cgroup_parent(const Services& with, std::string asked, std::string_view pod_id);

/// The pod whose own_cgroup_parent() has this name; empty: it is none.
std::string pod_of_cgroup(const Services& with, std::string_view name);

}  // namespace berth::daemon
