// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace berth::runtime {

/// The /dev/shm that a pod's containers share: a tmpfs of its own, attached at `path` (made here) so
/// that every container can bind it, also after a restart of the daemon.
Result<void> mount_pod_shm(const std::string& path, std::int64_t size);

/// Detaches it and removes the mount point; absent is success.
Result<void> unmount_pod_shm(const std::string& path);

}  // namespace berth::runtime
