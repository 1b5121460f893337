// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "image/reference.hpp"
#include "image/trust/policy.hpp"

namespace berth::image {

/// Whether a name of an image has neither tag nor digest.
bool is_name_only(std::string_view text);

/// Whether a signature about `signed_name` counts for an image that was asked for as `asked`. What cannot be
/// read as a name counts for none.
bool matches_identity(const SignedIdentity& identity, const Reference& asked, std::string_view signed_name);

}  // namespace berth::image
