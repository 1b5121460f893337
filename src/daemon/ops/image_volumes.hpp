// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "daemon/ops/services.hpp"
#include "daemon/spec/mounts.hpp"

namespace berth::daemon {

/// Images that a container mounts (CRI: mounts.image): each a detached read-only mount of its own, of the
/// whole image or of a directory in it, which ends with the container's mount namespace. While a container
/// has one the image cannot be removed.

/// Fills record.image_volumes. The images must be on the node. Code kUnknown for whatever is wrong with them,
/// for the kubelet.
Result<ImageTrees> mount_image_volumes(Services& with, const PodRecord& pod, ContainerRecord& record);
/// After a restart: what the store has forgotten.
void hold_image_volumes(Services& with, const ContainerRecord& record);
void release_image_volumes(Services& with, const ContainerRecord& record);

}  // namespace berth::daemon
