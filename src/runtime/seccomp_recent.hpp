// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace berth::runtime {

/// The number of a system call by name, for an architecture as libseccomp names it: libseccomp's own
/// word or, for calls newer than the library, ours. x32's carry its bit. Absent: unknown, or not there
/// on that architecture.
std::optional<std::uint32_t> syscall_number(std::uint32_t architecture, const std::string& name);

/// The same, for what only we know.
std::optional<std::uint32_t> recent_syscall_number(std::uint32_t architecture, const std::string& name);

}  // namespace berth::runtime
