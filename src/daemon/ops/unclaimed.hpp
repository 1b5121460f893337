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

/// A new object is unclaimed until the answer of a creation has found a caller who was still there.
/// Never the other way round: who leaves must not take it from the one who got it.
template <class Object>
void claim(Object& object, const Call& call) {
  if (!call.cancelled.stop_requested()) object.unclaimed = false;
}

/// A creation whose callers all left before the answer: if nobody asks for the object again within
/// two minutes (a retry, a Start, a container in the pod), it is removed.
void watch_unclaimed(Services& with, const PodPtr& pod);
void watch_unclaimed(Services& with, const ContainerPtr& container);

/// The removal, under the object's lease: success without one when somebody has asked meanwhile.
Result<void> remove_if_unclaimed(Services& with, const PodPtr& pod);
Result<void> remove_if_unclaimed(Services& with, const ContainerPtr& container);

}  // namespace berth::daemon
