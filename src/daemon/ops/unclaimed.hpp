// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "daemon/ops/services.hpp"

namespace berth::daemon {

/// SingleFlight's way to run the work on the calling lane thread: it goes on when the client
/// leaves, since the operation belongs to the daemon.
inline bool run_inline(const std::function<void()>& task) {
  task();
  return true;
}

/// A creation whose caller left before the answer: if nobody asks for the object again within two
/// minutes (a retry, a Start, a container in the pod), it is removed.
void watch_unclaimed_pod(Services& with, const std::string& pod_id);
void watch_unclaimed_container(Services& with, const std::string& container_id);

}  // namespace berth::daemon
