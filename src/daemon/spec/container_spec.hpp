// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>

#include "base/result.hpp"
#include "daemon/config.hpp"
#include "daemon/cri.hpp"
#include "daemon/spec/mounts.hpp"
#include "daemon/spec/user.hpp"
#include "image/image.hpp"
#include "runtime/apparmor.hpp"
#include "runtime/oci/spec.hpp"

namespace berth::daemon {

/// What a CRI container becomes: the OCI spec, and which of its namespaces are the pod's.
struct ContainerSpec {
  oci::Spec spec;
  std::set<oci::NamespaceType> pod_namespaces;
  ResolvedUser user;
};

struct SpecInputs {
  const PodRecord& pod;
  const cri::ContainerConfig& config;
  const image::ImageConfig& image;
  int rootfs_fd;  ///< the container's root file system, to look up its users
  const Layout& layout;
  const runtime::cgroup::Manager& cgroups;
  const HandlerConfig& handler;
  std::string cgroup_path;
  pid_t target_pid;  ///< main process whose PID namespace is joined (PID mode TARGET); 0: none
  const std::vector<std::string>& default_ulimits;  ///< "nofile=1024:4096"
  const std::string& pid1_path;                     ///< for handlers with `init`
  runtime::Apparmor apparmor = {};
  ImageTrees images = {};
};
Result<ContainerSpec> build_container_spec(const SpecInputs& inputs);

/// Argument vector per the CRI: `command` replaces the image's entrypoint, and then the image's
/// cmd is not used; otherwise `args` replaces cmd. kInvalidArgument when nothing is left to run.
Result<std::vector<std::string>> container_args(const cri::ContainerConfig& config,
                                                const image::ImageConfig& image);

}  // namespace berth::daemon
