// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

#include "pid1/shim.h"

namespace berth::pid1 {

/// The shim's main loop. Control messages and children are served before output, so that a
/// container that floods its log delays neither its own stop nor anyone else's.
/// Returns the process's exit code.
int supervise(Shim& shim);

uint64_t event_key(Source source, const Object* object);
uint64_t event_key(Source source, uint32_t index, uint32_t generation);

}  // namespace berth::pid1
