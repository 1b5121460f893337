// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/update_container_resources.hpp"

#include "base/cat.hpp"
#include "daemon/ops/operation.hpp"
#include "daemon/ops/stop_pod_sandbox.hpp"
#include "daemon/spec/resources.hpp"
#include "daemon/spec/validate.hpp"
#include "daemon/state/records.hpp"

namespace berth::daemon {

Result<void> update_container_resources(Services& with, const Call& call,
                                        const cri::UpdateContainerResourcesRequest& request,
                                        cri::UpdateContainerResourcesResponse&) {
  ASSIGN_OR_RETURN(const ContainerPtr container, with.containers.find(request.container_id()));
  RETURN_IF_ERROR(validate_resources(request.linux()));
  ASSIGN_OR_RETURN(auto lease,
                   with.leases.acquire(container_lease(container->id()), call.deadline, call.cancelled));
  const auto current = container->snapshot();
  if (current.state == cri::CONTAINER_EXITED) {
    return Error(Code::kFailedPrecondition, cat("container ", container->id(), " has exited"));
  }
  oci::Resources limits = to_oci(request.linux());
  limits.memory_check_before_update = true;  // a refused update is better than a killed container
  Operation op("UpdateContainerResources", container->id());
  RETURN_IF_ERROR(op.step("write limits", [&] {
                      return with.cgroups->update(container->record().cgroup, limits);
                    }).context(cat("update container ", container->id())));
  container->status.lock()->resources = merge(current.resources, request.linux());
  RETURN_IF_ERROR(op.step("persist", [&] { return store_container_status(with.layout, *container); }));
  op.commit();
  return {};
}

}  // namespace berth::daemon
