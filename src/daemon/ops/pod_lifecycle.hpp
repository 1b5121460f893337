// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// The single pieces that pods and containers are made of, each with its opposite: used by the
/// operations as steps and undos, and by recovery to take away what a crash left. Every removal
/// treats "absent" as success.

/// Connects to a pod's shim and wires its events to the pod.
Result<std::shared_ptr<runtime::ShimClient>> connect_shim(Services& with, const std::string& pod_id);

/// Ends the pod's shim and pause process; a shim that does not answer is killed.
Result<void> end_shim(Services& with, PodSandbox& pod);

netcni::AttachRequest attach_request(const Services& with, const PodRecord& record);

/// DEL with what ADD used; remembers success, so that it runs once. Where that was lost, with what the
/// record and the present configuration give: plugins find what they made by the pod's ID.
Result<void> detach_network(Services& with, PodSandbox& pod);

/// Kills and removes every cgroup that bears the pod's own name, then its parent if it is ours.
Result<void> remove_pod_cgroup(Services& with, const PodRecord& record);

/// Kills what is left of a container and removes its cgroup.
Result<void> remove_container_cgroup(Services& with, const std::string& cgroup);

/// Everything a pod has on the host, but its record: network, shim, namespaces, /dev/shm, cgroup,
/// live directory. Every piece is tried; the first failure is returned.
Result<void> tear_down_pod(Services& with, PodSandbox& pod);

/// Everything a container has, its record last.
Result<void> tear_down_container(Services& with, const ContainerRecord& record);

/// Removes the pod's live directory. The exit records in it are copies: the daemon's own status
/// files have what the shim wrote there.
Result<void> remove_live_pod(Services& with, const std::string& pod_id);

}  // namespace berth::daemon
