// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace berth::runtime {

/// The host's ids of the pod's root.
struct FilesOwner {
  std::uint32_t uid = 0, gid = 0;
};

/// The /dev/shm that a pod's containers share: a tmpfs of its own, attached at `path` (made here) so
/// that every container can bind it, also after a restart of the daemon.
Result<void> mount_pod_shm(const std::string& path, std::int64_t size, FilesOwner owner = {});

/// Likewise the place for a pod's hosts, hostname and resolv.conf, which containers may write to: a tmpfs,
/// so that they cannot fill the node's disk.
Result<void> mount_pod_files(const std::string& path, FilesOwner owner = {});

/// Detaches either and removes the mount point; absent is success.
Result<void> unmount_pod_tmpfs(const std::string& path);

}  // namespace berth::runtime
