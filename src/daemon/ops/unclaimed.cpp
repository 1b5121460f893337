// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/unclaimed.hpp"

#include "daemon/ops/remove_container.hpp"
#include "daemon/ops/remove_pod_sandbox.hpp"
#include "daemon/ops/retry.hpp"

namespace berth::daemon {
namespace {

constexpr std::chrono::milliseconds kClaimWindow{120'000};

}  // namespace

void watch_unclaimed(Services& with, const PodPtr& pod) {
  with.reactor->after(kClaimWindow, [&with, pod] {
    if (!pod->unclaimed) return;
    retry_until_done(with, "remove an unclaimed pod sandbox", [&with, pod] { return remove_pod(with, pod); });
  });
}

void watch_unclaimed(Services& with, const ContainerPtr& container) {
  with.reactor->after(kClaimWindow, [&with, container] {
    if (!container->unclaimed) return;
    retry_until_done(with, "remove an unclaimed container",
                     [&with, container] { return remove_container(with, container); });
  });
}

}  // namespace berth::daemon
