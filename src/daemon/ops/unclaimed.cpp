// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/unclaimed.hpp"

#include "daemon/ops/remove_container.hpp"
#include "daemon/ops/remove_pod_sandbox.hpp"
#include "daemon/ops/retry.hpp"
#include "daemon/ops/stop_pod_sandbox.hpp"

namespace berth::daemon {
namespace {

constexpr std::chrono::milliseconds kClaimWindow{120'000};

}  // namespace

Result<void> remove_if_unclaimed(Services& with, const PodPtr& pod) {
  ASSIGN_OR_RETURN(auto lease, with.leases.acquire(pod_lease(pod->id()), shim_deadline(), {}));
  {
    auto status = pod->status.lock();
    if (!pod->unclaimed) return {};
    status->ready = false;  // from here on nobody can claim it
    status->reason = "nobody asked for it";
  }
  return remove_pod(with, pod);
}

Result<void> remove_if_unclaimed(Services& with, const ContainerPtr& container) {
  ASSIGN_OR_RETURN(auto lease, with.leases.acquire(container_lease(container->id()), shim_deadline(), {}));
  if (!container->unclaimed) return {};
  return remove_container(with, container);
}

void watch_unclaimed(Services& with, const PodPtr& pod) {
  with.reactor->after(kClaimWindow, [&with, pod] {
    if (!pod->unclaimed) return;
    retry_until_done(with, "remove an unclaimed pod sandbox",
                     [&with, pod] { return remove_if_unclaimed(with, pod); });
  });
}

void watch_unclaimed(Services& with, const ContainerPtr& container) {
  with.reactor->after(kClaimWindow, [&with, container] {
    if (!container->unclaimed) return;
    retry_until_done(with, "remove an unclaimed container",
                     [&with, container] { return remove_if_unclaimed(with, container); });
  });
}

}  // namespace berth::daemon
