// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// What the shims tell, on the reactor's thread: these update guarded state, wake waiters, and post
/// the rest (disks, cgroups) to the background lane.
void on_exited(Services& with, const std::string& pod_id, const shim::ObjectState& state);
void on_pause_exited(Services& with, const std::string& pod_id);
/// The shim is gone and we did not tell it to go: its containers are killed, the pod is NotReady.
void on_shim_lost(Services& with, const std::string& pod_id);

/// Records a container's end and cleans up after it. Also the way that recovery learns of ends.
void apply_exit(Services& with, const ContainerPtr& container, const shim::ExitRecord& exit);

}  // namespace berth::daemon
