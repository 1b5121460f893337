// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "runtime/oci/spec.hpp"

namespace berth::runtime {

/// Whom `berth-pid1 init` hands signals to: the program, or the process group that it leads.
enum class InitSignals : std::uint8_t { kProgram, kGroup };

/// Makes `program`, a berth-pid1, the container's first process: bound read-only into its /dev, it runs
/// the program that `spec` names, hands signals on and reaps.
void add_init(const std::string& program, InitSignals signals, oci::Spec& spec);

}  // namespace berth::runtime
