// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::image {

/// RFC 4648 part 4, with padding.
std::string encode_base64(std::string_view bytes);
/// Padding may be missing; anything else outside the alphabet is kInvalidArgument. The error never
/// quotes the text, which is a secret here.
Result<std::string> decode_base64(std::string_view text);

}  // namespace berth::image
