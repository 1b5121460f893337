// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/reopen_container_log.hpp"

#include "base/cat.hpp"
#include "daemon/ops/container_launch.hpp"

namespace berth::daemon {

Result<void> reopen_container_log(Services& with, const Call&, const cri::ReopenContainerLogRequest& request,
                                  cri::ReopenContainerLogResponse&) {
  ASSIGN_OR_RETURN(const ContainerPtr container, with.containers.find(request.container_id()));
  if (container->snapshot().state != cri::CONTAINER_RUNNING) {
    return Error(Code::kFailedPrecondition, cat("container ", container->id(), " is not running"));
  }
  ASSIGN_OR_RETURN(const PodPtr pod, with.pods.find(container->record().pod_id));
  ASSIGN_OR_RETURN(const auto shim, shim_of(*pod));
  return shim->reopen_log(container->id(), shim_deadline())
      .context(cat("reopen log ", container->record().log_path));
}

}  // namespace berth::daemon
