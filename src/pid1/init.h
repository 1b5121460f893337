// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace berth::pid1 {

/// Runs `argv` as a child, forwards signals to it (with `to_group` to all of its process group), reaps
/// whatever is left to this process, and returns the child's exit code, or 128 + the signal that ended it.
/// 126 or 127 when it cannot be run.
int run_init(char** argv, bool to_group);

}  // namespace berth::pid1
