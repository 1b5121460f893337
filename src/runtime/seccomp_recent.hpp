// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace berth::runtime {

/// What the numbers of x32, which shares an architecture with x86_64, have set.
inline constexpr std::uint32_t kX32Bit = 0x40000000;

/// The number of a system call that libseccomp may be too old to know, for an architecture as it names
/// them (x32's numbers carry its bit). Absent: not one of those, or of an architecture that numbers
/// otherwise. Ask libseccomp first: it knows which calls an architecture lacks.
std::optional<std::uint32_t> recent_syscall_number(std::uint32_t architecture, std::string_view name);

}  // namespace berth::runtime
