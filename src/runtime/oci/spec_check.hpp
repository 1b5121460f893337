// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "runtime/oci/spec.hpp"

namespace berth::oci {

/// What the types cannot say: absolute paths, no NUL bytes, ids that do not wrap, no duplicates,
/// no mount inside the container's /proc. kInvalidArgument names the field and the value. Looks at
/// nothing outside the spec.
Result<void> check_spec(const Spec& spec);
Result<void> check_process(const Process& process);

/// Lexically: no ".", "..", repeated or trailing slashes; always starts with "/".
std::string clean_path(std::string_view path);
/// Whether a cleaned path lies strictly inside a cleaned directory.
bool is_below(std::string_view path, std::string_view directory);

}  // namespace berth::oci
