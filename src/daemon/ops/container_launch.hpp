// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/process_id.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "daemon/ops/services.hpp"
#include "daemon/spec/mounts.hpp"
#include "runtime/plan.hpp"

namespace berth::daemon {

/// The steps of CreateContainer that turn a record into a process at its exec gate.

struct CompiledContainer {
  std::unique_ptr<runtime::Plan> plan;
  std::shared_ptr<const runtime::SeccompProgram> seccomp;
};
/// Fills record.spec and record.user. Reads the image's users through `rootfs_fd`.
Result<CompiledContainer> compile_launch(Services& with, const PodRecord& pod, const image::Image& image,
                                         int rootfs_fd, ImageTrees images, ContainerRecord& record);

/// Directory and name of a CRI log. The directory is made below the pod's log directory without
/// following a link out of it.
struct ContainerLog {
  UniqueFd dir;  ///< absent: no log
  std::string name;
  bool existed = false;  ///< somebody else's file: not ours to remove
  Result<void> remove_if_new() const;
};
Result<ContainerLog> open_container_log(const ContainerRecord& record);

/// Returns once the process waits at the gate. record.plan_labels is filled for StartContainer.
Result<ProcessId> launch_container(Services& with, PodSandbox& pod, ContainerRecord& record,
                                   std::unique_ptr<runtime::Plan> plan, UniqueFd rootfs,
                                   const ContainerLog& log);

/// Kills a container that nobody shall see and makes the shim forget it.
Result<void> forget_container(Services& with, PodSandbox& pod, const ContainerRecord& record);

/// The pod's shim, or kUnavailable.
Result<std::shared_ptr<runtime::ShimClient>> shim_of(const PodSandbox& pod);

}  // namespace berth::daemon
