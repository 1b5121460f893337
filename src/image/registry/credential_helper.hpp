// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "image/puller.hpp"

namespace berth::image {

/// Asks the program docker-credential-NAME of the first of `dirs` that has it for `server` (protocol of
/// docker-credential-helpers). Nullopt: it knows none. Bounded in time and output; blocks. Errors never
/// quote what it wrote to its standard output.
Result<std::optional<Credentials>> ask_credential_helper(const std::vector<std::string>& dirs,
                                                         const std::string& name, const std::string& server,
                                                         std::stop_token cancel);

/// What a helper's `get` prints. An user name of "<token>" means that the secret is an identity token.
Result<Credentials> parse_helper_answer(std::string_view text);

}  // namespace berth::image
