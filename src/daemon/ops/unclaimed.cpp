// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/unclaimed.hpp"

#include "base/log.hpp"
#include "daemon/ops/remove_container.hpp"
#include "daemon/ops/remove_pod_sandbox.hpp"

namespace berth::daemon {
namespace {

constexpr std::chrono::milliseconds kClaimWindow{120'000};

void report(const char* what, const std::string& id, const Result<void>& removed) {
  log::info(what, {{"id", id}, {"outcome", removed ? "removed" : removed.error().to_string()}});
}

}  // namespace

void watch_unclaimed_pod(Services& with, const std::string& pod_id) {
  auto pod = with.pods.find(pod_id);
  if (!pod) return;
  (*pod)->unclaimed = true;
  with.reactor->after(kClaimWindow, [&with, pod = *pod] {
    if (!pod->unclaimed) return;
    (void)with.background->try_post([&with, pod] { report("nobody claimed this pod sandbox", pod->id(), remove_pod(with, pod)); });
  });
}

void watch_unclaimed_container(Services& with, const std::string& container_id) {
  auto container = with.containers.find(container_id);
  if (!container) return;
  (*container)->unclaimed = true;
  with.reactor->after(kClaimWindow, [&with, container = *container] {
    if (!container->unclaimed) return;
    (void)with.background->try_post([&with, container] {
      report("nobody claimed this container", container->id(), remove_container(with, container));
    });
  });
}

}  // namespace berth::daemon
