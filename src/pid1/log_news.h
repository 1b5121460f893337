// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pid1/shim.h"

namespace berth::pid1 {

/// An opening of the object's log was begun: it is waited for, for as long as a disk may take.
void await_opening(Shim& shim, Object& object);

/// Some log's writer has done what somebody waits for.
void serve_logs(Shim& shim);

/// Answers who waits for an opening of this object's log, if it is over, or has taken too long. The object
/// may be gone afterwards.
void settle_opening(Shim& shim, uint32_t index, int64_t now);

}  // namespace berth::pid1
