// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace berth::oci {

/// "RLIMIT_NOFILE" to its number; nullopt for what is not a limit.
std::optional<int> rlimit_number(std::string_view type);
/// The inverse; empty for what is not a limit.
std::string_view rlimit_name(int number);

}  // namespace berth::oci
