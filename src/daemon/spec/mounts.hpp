// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "daemon/cri.hpp"
#include "daemon/state/layout.hpp"
#include "daemon/state/pod_sandbox.hpp"
#include "runtime/cgroup/manager.hpp"
#include "runtime/oci/spec.hpp"

namespace berth::daemon {

/// Detached mounts of images, by the container_path that asks for them.
using ImageTrees = std::map<std::string, std::shared_ptr<const UniqueFd>>;

/// The mounts of a container in the order in which they are made: the file systems every container
/// has, the pod's files, then the CRI's own. A CRI mount replaces a default one with the same
/// destination; what lies below a destination that the CRI replaces goes, too. Host paths are
/// looked at: a missing one, or a propagation that its mount cannot give, is kInvalidArgument.
struct MountInputs {
  const PodRecord& pod;
  const cri::ContainerConfig& config;
  const Layout& layout;
  const runtime::cgroup::Manager& cgroups;
  const ImageTrees& images;  ///< one for each mount of an image
};
Result<std::vector<oci::Mount>> container_mounts(const MountInputs& inputs);

}  // namespace berth::daemon
