// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pid1/shim.h"

namespace berth::pid1 {

/// The main process is a zombie. Its output is read to the end (or until nobody has written for
/// 100 ms, at most 2 s) and its log written (or given up when the disk has taken nothing for 2 s, or is not
/// through after 10 s), then the exit record is written, the process reaped, the daemon told.
void main_process_ended(Shim& shim, Object& object);

/// Does the second half of the above when it is time. `object` may be gone afterwards.
void finish_if_drained(Shim& shim, Object& object);

/// Reaps what was left to us by containers without a PID namespace of their own.
void reap_orphans(Shim& shim);

/// Kills the child of a launch that failed and forgets the object; the zombie is reaped as an orphan.
void discard(Shim& shim, Object& object);

}  // namespace berth::pid1
