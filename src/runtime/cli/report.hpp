// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/error.hpp"
#include "runtime/cli/verb.hpp"

namespace berth::runtime::cli {

/// Of the runtime-spec that config.json is read by, and that `state` is written by.
inline constexpr std::string_view kSpecVersion = "1.2.0";

/// One line "berth-oci: sentence" to stderr, and one to the log in runc's form.
void report(const Globals& globals, const Error& error);
/// The same for what is not the end of it.
void warn(const Globals& globals, const Error& error);

}  // namespace berth::runtime::cli
