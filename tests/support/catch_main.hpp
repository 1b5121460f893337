// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace berth::testing {

/// Called before the first test case: why the program cannot run here at all, or null. A program that
/// needs root defines its own; for all others there is one that never objects.
const char* prepare(int argc, char** argv);

}  // namespace berth::testing
