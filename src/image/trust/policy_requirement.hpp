// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"
#include "image/trust/policy.hpp"

namespace berth::image {

/// One requirement of a policy. kInvalidArgument starts with `where`.
Result<Requirement> parse_requirement(const Json& object, const std::string& where);

/// An object without other keys than `known`.
Result<void> check_policy_keys(const Json& object, std::initializer_list<std::string_view> known,
                               const std::string& where);

}  // namespace berth::image
