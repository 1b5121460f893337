// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pid1/control.h"
#include "pid1/message.h"
#include "pid1/shim.h"

namespace berth::pid1 {

/// Clones a child that runs the plan. Never waits for it: what it says comes by child_spoke(). The
/// request is answered here only when it fails at once.
void launch_object(Shim& shim, const Request& request, Packet& packet);

/// Opens the gate of a created container; answered by child_spoke(). 0, or an errno to answer now.
int start_object(Shim& shim, Object& object, uint64_t seq);

/// The midwife of an object's child has ended: there is a child, or a reason why there is none, which
/// answers the request. `object` may be gone afterwards.
void midwife_ended(Shim& shim, Object& object);

/// The log of an object that is being launched is open, or will not be: then the launch has failed, and
/// `object` is gone.
void log_opened(Shim& shim, Object& object, int err);

/// Reads what an object's child has said on its sync socket: ready, failed, or, by closing it at
/// execve, running. Answers the requests that wait for that. `object` may be gone afterwards.
void child_spoke(Shim& shim, Object& object);

}  // namespace berth::pid1
