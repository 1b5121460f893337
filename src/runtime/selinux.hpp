// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::runtime {

/// The mount option that labels a new file system.
inline constexpr std::string_view kContextOption = "context=";

/// Whether the kernel labels with SELinux: compiled in is not enough, its file system must be there.
bool selinux_enabled();

/// kInvalidArgument, with a sentence, when SELinux is not enabled or its policy knows no such label.
Result<void> check_selinux_label(const std::string& label);

}  // namespace berth::runtime
