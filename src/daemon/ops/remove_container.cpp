// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/remove_container.hpp"

#include "base/cat.hpp"
#include "base/log.hpp"
#include "daemon/ops/events.hpp"
#include "daemon/ops/operation.hpp"
#include "daemon/ops/pod_lifecycle.hpp"
#include "daemon/ops/stop_container.hpp"
#include "daemon/ops/stop_pod_sandbox.hpp"

namespace berth::daemon {

Result<void> remove_container(Services& with, const ContainerPtr& container) {
  Operation op("RemoveContainer", container->id());
  RETURN_IF_ERROR(op.step("kill", [&] { return kill_all(with, {container}); }));
  RETURN_IF_ERROR(op.step("forget process", [&]() -> Result<void> {
    auto pod = with.pods.find(container->record().pod_id);
    const auto shim = pod ? (*pod)->live_shim() : nullptr;
    if (!shim) return {};  // it went with the shim
    auto forgotten = shim->forget(container->id());
    if (!forgotten && forgotten.error().code() != Code::kNotFound) return forgotten;
    return {};
  }));
  RETURN_IF_ERROR(op.step("tear down", [&] { return tear_down_container(with, container->record()); }));
  announce(with, container);  // its end: whoever recorded it may be slower than we are
  with.containers.erase(container);
  announce_removed(with, container);
  with.usage->forget(container->id());
  op.commit();
  log::info("container removed", {{"container", container->id()}});
  return {};
}

Result<void> remove_container(Services& with, const Call& call, const cri::RemoveContainerRequest& request,
                              cri::RemoveContainerResponse&) {
  auto container = with.containers.find(request.container_id());
  if (!container) {
    if (container.error().code() == Code::kNotFound) return {};
    return std::move(container).error();
  }
  ASSIGN_OR_RETURN(auto lease,
                   with.leases.acquire(container_lease((*container)->id()), call.deadline, call.cancelled));
  return remove_container(with, *container).context(cat("remove container ", (*container)->id()));
}

}  // namespace berth::daemon
