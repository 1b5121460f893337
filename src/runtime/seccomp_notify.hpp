// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "runtime/oci/spec.hpp"

namespace berth::runtime {

/// The flags of a filter, with those that make a listener when the profile asks an agent.
/// kInvalidArgument for an agent without a path, for a question that would be asked about the hand-over
/// itself (the default, or write), and for flags that mean nothing without one.
Result<std::uint64_t> with_listener(const oci::Seccomp& profile, std::uint64_t flags);

}  // namespace berth::runtime
