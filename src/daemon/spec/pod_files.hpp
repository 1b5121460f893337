// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "daemon/cri.hpp"
#include "runtime/pod_shm.hpp"

namespace berth::daemon {

/// Writes resolv.conf, hostname and hosts into `dir`: the files that are bound into every container
/// of the pod (unless the CRI mounts its own). With a DNS configuration resolv.conf is written from
/// it; without, it is a copy of the host's. Never rewritten afterwards.
Result<void> write_pod_files(const std::string& dir, const cri::PodSandboxConfig& config,
                             const std::vector<std::string>& ips, runtime::FilesOwner owner = {});

/// The name that a pod's containers see. A pod with a network of its own and without a host name is
/// called by its metadata's name, as Kubernetes would have it, as far as that can be a host name.
std::string pod_hostname(const cri::PodSandboxConfig& config);

/// resolv.conf(5) text of a DNS configuration.
std::string format_resolv_conf(const cri::DNSConfig& dns);

}  // namespace berth::daemon
