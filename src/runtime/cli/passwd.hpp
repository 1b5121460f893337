// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace berth::runtime::cli {

/// The home directory of a user in /etc/passwd below `root`; "/" when nobody says.
std::string home_of(int root, std::uint32_t uid);
/// The same from the file's text.
std::string home_in(std::string_view passwd, std::uint32_t uid);

}  // namespace berth::runtime::cli
