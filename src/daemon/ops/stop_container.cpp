// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/stop_container.hpp"

#include "base/cat.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "daemon/ops/container_launch.hpp"
#include "daemon/ops/events.hpp"

namespace berth::daemon {
namespace {

using Clock = std::chrono::steady_clock;
/// A killed process that does not end within this is stuck in the kernel: the caller is told, the
/// kill stays.
constexpr std::chrono::seconds kKillPatience{30};
constexpr std::chrono::seconds kLongestGrace{10 * 365 * 24 * 3600L};

bool has_exited(const Container& container) {
  return container.snapshot().state == cri::CONTAINER_EXITED;
}

/// Takes the earlier of the wished and the pending kill time; true for the one call that shall send
/// the stop signal.
bool register_stop(Container& container, Clock::time_point kill_at) {
  bool first = false;
  {
    auto stop = container.stop.lock();
    if (!stop->kill_at || kill_at < *stop->kill_at) stop->kill_at = kill_at;
    first = !stop->signalled;
    stop->signalled = true;
  }
  container.notify();
  return first;
}

Result<void> send_stop_signal(Services& with, Container& container) {
  ASSIGN_OR_RETURN(const PodPtr pod, with.pods.find(container.record().pod_id));
  ASSIGN_OR_RETURN(const auto shim, shim_of(*pod));
  auto sent = shim->signal(container.id(), container.record().stop_signal);
  if (!sent && sent.error().code() != Code::kNotFound) return sent;
  return {};
}

Result<void> kill_tree(Services& with, Container& container) {
  if (!with.cgroups->exists(container.record().cgroup)) return {};
  return with.cgroups->kill(container.record().cgroup);
}

/// Waits out the grace period, however often it is shortened meanwhile.
void wait_grace(Container& container) {
  for (;;) {
    const Clock::time_point kill_at = *container.stop.lock()->kill_at;
    if (Clock::now() >= kill_at) return;
    // A shortened deadline wakes nobody by itself: look at least every 100 ms.
    if (container.wait_exited(std::min(kill_at, Clock::now() + std::chrono::milliseconds(100)))) return;
  }
}

Error stuck(const Container& container) {
  return Error(Code::kDeadlineExceeded,
               cat("container ", container.id(), " was killed ", kKillPatience.count(),
                   " s ago and has not ended: a process of it may be stuck in the kernel (state D in ps)"));
}

}  // namespace

Result<void> kill_all(Services& with, const std::vector<ContainerPtr>& containers) {
  for (const auto& container : containers) {
    if (!has_exited(*container))
      RETURN_IF_ERROR(kill_tree(with, *container).context(cat("kill container ", container->id())));
  }
  const auto give_up = Clock::now() + kKillPatience;
  for (const auto& container : containers) {
    // Without a shim nobody will tell us of the end; the kill was all there is to do.
    auto pod = with.pods.find(container->record().pod_id);
    if (pod && !(*pod)->live_shim()) {
      container->mark_lost("MonitorLost", now_ns());
      announce(with, container);
      continue;
    }
    if (!container->wait_exited(give_up)) return stuck(*container);
  }
  return {};
}

Result<void> stop_container(Services& with, const Call&, const cri::StopContainerRequest& request,
                            cri::StopContainerResponse&) {
  auto found = with.containers.find(request.container_id());
  if (!found) {
    if (found.error().code() == Code::kNotFound) return {};
    return std::move(found).error();
  }
  const ContainerPtr container = *found;
  if (has_exited(*container)) return {};
  const auto grace =
      std::min(std::chrono::seconds(std::max<std::int64_t>(request.timeout(), 0)), kLongestGrace);
  const bool graceful = grace.count() > 0 && container->snapshot().state == cri::CONTAINER_RUNNING;
  if (register_stop(*container, Clock::now() + grace) && graceful) {
    if (auto sent = send_stop_signal(with, *container); !sent) {
      log::warn("the stop signal could not be sent",
                {{"container", container->id()}, {"error", sent.error().to_string()}});
    }
  }
  if (graceful) wait_grace(*container);
  if (has_exited(*container)) return {};
  return kill_all(with, {container}).context(cat("stop container ", container->id()));
}

}  // namespace berth::daemon
