// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::image {

/// Binary OpenPGP packets of keys in ASCII armor (RFC 4880 part 6.2; any number of blocks, text around them),
/// or of those that are binary already. kInvalidArgument names `subject`.
Result<std::string> dearmor_keys(std::string_view text, const std::string& subject);

/// What exactly one key of `keyring` (binary) has signed in the OpenPGP message, as gpgv says; it must be
/// good: of now, by a key that is neither expired nor revoked, not over SHA-1. kFailedPrecondition otherwise.
/// Bounded in time and output; blocks.
Result<std::string> open_signed_message(std::string_view keyring, std::string_view message,
                                        std::stop_token cancel);

/// Whether the lines that gpgv writes about a message tell of one good signature over all of it.
bool is_one_good_signature(std::string_view status);

}  // namespace berth::image
