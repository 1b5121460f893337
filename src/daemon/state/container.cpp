// SPDX-License-Identifier: Apache-2.0
#include "daemon/state/container.hpp"

#include <csignal>

#include "base/cat.hpp"
#include "base/clock.hpp"
#include "base/utf8.hpp"

namespace berth::daemon {

std::string container_name_key(const std::string& pod_id, const cri::ContainerMetadata& metadata) {
  return cat(pod_id, "/", metadata.name(), "/", metadata.attempt());
}

std::string Container::name_key() const {
  return container_name_key(record_.pod_id, record_.config.metadata());
}

bool Container::wait_exited(std::chrono::steady_clock::time_point until) {
  auto access = status.lock();
  return changed_.wait_until(access.lock(), until, [&] { return access->state == cri::CONTAINER_EXITED; });
}

bool Container::mark(std::int64_t started, std::int64_t finished, std::int32_t code, std::string reason,
                     std::string message) {
  {
    auto access = status.lock();
    if (access->state == cri::CONTAINER_EXITED) return false;
    access->state = cri::CONTAINER_EXITED;
    if (access->started_ns == 0) access->started_ns = started;
    access->finished_ns = finished;
    access->exit_code = code;
    access->reason = std::move(reason);
    access->message = valid_utf8(message);  // it quotes paths, and clients refuse an answer that is not UTF-8
  }
  changed_.notify_all();
  return true;
}

bool Container::mark_exited(const shim::ExitRecord& exit, bool oom_killed) {
  std::string reason = exit.exit_code == 0 ? "Completed" : "Error";
  if (oom_killed) reason = "OOMKilled";
  std::string message;
  if (exit.signal_number != 0) {
    message = cat("killed by signal ", exit.signal_number, exit.core_dumped != 0 ? " (core dumped)" : "");
  }
  return mark(exit.started_ns, exit.finished_ns, exit.exit_code, std::move(reason), std::move(message));
}

bool Container::mark_lost(std::string reason, std::int64_t finished_ns) {
  return mark(0, finished_ns, 255, std::move(reason), "how it ended is not known");
}

void Container::mark_start_failed(const std::string& message) {
  const auto now = now_ns();  // asked once, or it might end before it began
  mark(now, now, 128, "StartError", message);
}

}  // namespace berth::daemon
