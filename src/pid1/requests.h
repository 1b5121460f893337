// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pid1/shim.h"

namespace berth::pid1 {

/// Takes one packet off the daemon's connection and does what it asks.
void serve_control(Shim& shim);

}  // namespace berth::pid1
