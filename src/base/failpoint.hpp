// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace berth {

/// A step at which the tests may strike. In what users run nothing ever happens and the answer is
/// false. Programs of the tests link `failpoints_dep` as well: when BERTH_FAILPOINT in the
/// environment equals `name`, the process kills itself with SIGKILL here ("name"), or fails here
/// ("name=error"), or sleeps for N ms ("name=sleep:N"). True means: fail.
bool failpoint(std::string_view name);

}  // namespace berth
