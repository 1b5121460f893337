// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/start_container.hpp"

#include "base/cat.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "daemon/ops/container_launch.hpp"
#include "daemon/ops/events.hpp"
#include "daemon/ops/exit_events.hpp"
#include "daemon/ops/operation.hpp"
#include "daemon/ops/pod_lifecycle.hpp"
#include "daemon/ops/stop_pod_sandbox.hpp"
#include "daemon/state/records.hpp"

namespace berth::daemon {
namespace {

const char* state_name(cri::ContainerState state) {
  switch (state) {
    case cri::CONTAINER_CREATED:
      return "created";
    case cri::CONTAINER_RUNNING:
      return "running";
    case cri::CONTAINER_EXITED:
      return "exited";
    default:
      return "unknown";
  }
}

Result<void> begin(Container& container) {
  auto status = container.status.lock();
  if (status->state != cri::CONTAINER_CREATED || status->starting) {
    return Error(Code::kFailedPrecondition,
                 cat("container ", container.id(), " is ", state_name(status->state), ", not created"));
  }
  status->starting = true;
  return {};
}

Result<void> fail(Services& with, const ContainerPtr& container, Error error) {
  // Marked while news of its end still go to the strays: they must not be taken for a run.
  container->mark_start_failed(error.to_string());
  container->status.lock()->starting = false;
  with.stray_exits.take(container->id());
  announce(with, container);
  if (auto removed = remove_container_cgroup(with, container->record().cgroup); !removed) {
    log::error("remove cgroup after a failed start",
               {{"container", container->id()}, {"error", removed.error().to_string()}});
  }
  RETURN_IF_ERROR(store_container_status(with.layout, *container));
  return error;
}

}  // namespace

Result<void> start_container(Services& with, const Call& call, const cri::StartContainerRequest& request,
                             cri::StartContainerResponse&) {
  ASSIGN_OR_RETURN(const ContainerPtr container, with.containers.find(request.container_id()));
  ASSIGN_OR_RETURN(auto lease,
                   with.leases.acquire(container_lease(container->id()), call.deadline, call.cancelled));
  ASSIGN_OR_RETURN(const PodPtr pod, with.pods.find(container->record().pod_id));
  RETURN_IF_ERROR(
      begin(*container)
          .context(cat("start container \"", container->record().config.metadata().name(), "\"")));
  container->unclaimed = false;

  Operation op("StartContainer", container->id());
  const auto started_ns =
      now_ns();  // before it runs: a short one has ended by the time the shim's answer is here
  auto started = op.step("open the exec gate", [&]() -> Result<void> {
    ASSIGN_OR_RETURN(const auto shim, shim_of(*pod));
    return shim->start(container->id(), container->record().plan_labels, shim_deadline());
  });
  if (!started) {
    Error error = std::move(started).error();
    error.add_context(cat("start container \"", container->record().config.metadata().name(), "\""));
    return fail(with, container, std::move(error));
  }
  {
    auto status = container->status.lock();
    if (status->state == cri::CONTAINER_CREATED) status->state = cri::CONTAINER_RUNNING;  // or lost already
    status->started_ns = started_ns;
  }
  announce(with, container);  // before anybody can tell of its end
  std::optional<shim::ExitRecord> exit;
  {
    auto status = container->status.lock();
    status->starting = false;
    exit = with.stray_exits.take(container->id());
  }
  // It may have run and ended while the reply was on its way.
  if (exit) apply_exit(with, container, *exit);
  RETURN_IF_ERROR(op.step("persist", [&] { return store_container_status(with.layout, *container); }));
  op.commit();
  return {};
}

}  // namespace berth::daemon
