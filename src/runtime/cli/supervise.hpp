// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::runtime::cli {

/// From here on signals are kept for supervise(), which hands them to the process: one that comes
/// while the process is being made must not end us and leave it.
Result<UniqueFd> hold_signals();

/// Stays until the process has ended, forwards signals, and, with a terminal (its master), copies
/// between it and our own, which is raw for that time. The exit status, or 128 and the signal.
Result<int> supervise(int pidfd, const UniqueFd& signals, UniqueFd terminal);

/// Gives a terminal the size of ours; without one of our own nothing happens.
void copy_window_size(int master);

}  // namespace berth::runtime::cli
