// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/result.hpp"

namespace berth {

using Json = nlohmann::json;

/// Parses untrusted JSON: bounded size and depth, duplicate keys refused, no exceptions.
/// `subject` names the document in errors.
Result<Json> parse_json(std::string_view text, std::size_t size_limit, std::string_view subject);

/// Typed access without exceptions; kInvalidArgument names subject and key.
Result<std::string> json_string(const Json& object, std::string_view key, std::string_view subject);
/// Absent or null: `fallback`. A value of another type is an error.
Result<std::string> json_string_or(const Json& object, std::string_view key, std::string fallback,
                                   std::string_view subject);
/// dump() that never throws: invalid UTF-8 is replaced.
std::string to_text(const Json& value);

}  // namespace berth
