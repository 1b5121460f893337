// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth::daemon::streaming {

/// A pipe whose end `ours` never blocks; the other one is returned, and blocks as programs expect.
inline constexpr int kPipeSize = 256 << 10;  ///< one of 64 KiB costs a change of threads four times as often
Result<UniqueFd> pipe_from(UniqueFd& ours, int size = kPipeSize);  ///< `ours` is read
Result<UniqueFd> pipe_to(UniqueFd& ours);                          ///< `ours` is written

}  // namespace berth::daemon::streaming
