// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace berth::pid1 {

/// `berth-pid1 launch`: reads one request from the inherited socket, clones the child as a child of
/// whoever started this program, tells its pid and is done. What enters the container is thereby
/// never the program that decided about it, but a copy of this one in sealed memory.
int run_launch();

}  // namespace berth::pid1
