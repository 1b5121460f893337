// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace berth {

/// What a predecessor needs to let go that was killed while it started a program: the child holds all
/// descriptors until it executes, and may be held up before that.
inline constexpr std::chrono::milliseconds kLockPatience{5000};

/// Locks the file, made when it is not there, until the descriptor is closed (flock(2)). Blocks for at
/// most `patience`; kFailedPrecondition when somebody else still holds it then.
Result<UniqueFd> lock_file(const std::string& path, std::chrono::milliseconds patience = kLockPatience);

}  // namespace berth
