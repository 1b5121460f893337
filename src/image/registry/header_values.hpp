// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth::image {

/// ASCII only: names in headers are.
std::string lower(std::string_view text);

/// One challenge of a WWW-Authenticate header (RFC 9110 part 11.6.1).
struct Challenge {
  std::string scheme;                         ///< lower case: "bearer", "basic"
  std::map<std::string, std::string> params;  ///< keys in lower case; of equal keys the first
};

/// Never fails: what cannot be read is left out.
std::vector<Challenge> parse_challenges(std::string_view header);

/// "bytes 5-9/10" (RFC 9110 part 14.4). Nullopt when malformed or unsatisfied.
struct ContentRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::optional<std::uint64_t> total;  ///< absent: "*"
};
std::optional<ContentRange> parse_content_range(std::string_view header);

/// Decimal digits only, no overflow.
std::optional<std::uint64_t> parse_count(std::string_view text);

/// Retry-After as seconds or as an HTTP date; nullopt when neither. Dates that have passed are 0.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view header, std::int64_t now_seconds);

}  // namespace berth::image
