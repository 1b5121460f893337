// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace berth {

/// Builds with -Dfailpoints=true only: when BERTH_FAILPOINT in the environment equals `name`, the
/// daemon kills itself with SIGKILL here ("name"), or fails here ("name=error"), or sleeps for N ms
/// ("name=sleep:N"). Otherwise, and in every other build, nothing happens. True means: fail.
#if BERTH_FAILPOINTS
bool failpoint(std::string_view name);
#else
inline bool failpoint(std::string_view) {
  return false;
}
#endif

}  // namespace berth
