// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "base/result.hpp"

namespace berth::runtime {

/// A system call that no container can do without, because nothing older is as safe.
struct KernelCall {
  const char* name;
  long number;
  const char* since;  ///< the version of Linux that brought it
};

std::span<const KernelCall> needed_calls();

/// Asks with arguments that are wrong for certain.
bool is_there(const KernelCall& call);

/// kFailedPrecondition naming the first call that is not there: an older kernel, or a seccomp filter
/// around this process. Costs a microsecond.
Result<void> check_needed_calls();

}  // namespace berth::runtime
