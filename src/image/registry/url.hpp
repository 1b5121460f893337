// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::image {

/// Everything but unreserved characters (RFC 3986) as %XX.
std::string percent_encode(std::string_view text);

/// Without user, query and fragment, which may be secrets: what errors and logs show.
std::string redact_url(std::string_view url);

/// "https://host:port" of an http or https URL without a user; kFailedPrecondition otherwise.
Result<std::string> url_origin(const std::string& url);

/// Where a redirect leads. Refused: other schemes than http and https, from https to http, a user.
Result<std::string> resolve_redirect(const std::string& base, const std::string& location);

}  // namespace berth::image
