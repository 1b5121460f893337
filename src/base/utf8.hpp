// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace berth {

/// The text with every byte that is not part of well-formed UTF-8 replaced by '?'. Protobuf strings
/// must be UTF-8; paths and other programs' output need not.
std::string valid_utf8(std::string_view text);

}  // namespace berth
