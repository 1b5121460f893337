// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"

namespace berth::image {

/// One YAML document of mappings, lists and scalars; every scalar becomes a string, an empty plain one null.
/// kInvalidArgument names `subject` and the line: equal keys, anchors, aliases, tags, keys that are no
/// scalars, more than 16 levels, a second document.
Result<Json> parse_yaml(std::string_view text, std::size_t size_limit, const std::string& subject);

}  // namespace berth::image
