// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::netcni {

/// The CNI spec's rules for names that end up in file names, environment variables and error texts.
/// All failures are kInvalidArgument.

/// Network names and container IDs: a letter or digit, then those, '_', '.' and '-'.
Result<void> check_identifier(std::string_view text, std::string_view what);
/// A plugin type is the bare name of a file: it cannot point out of the plugin directories.
Result<void> check_plugin_type(std::string_view type);
/// CNI_ARGS has no escapes: a value must not hold its separators, nor anything unprintable.
Result<void> check_argument(std::string_view value, std::string_view what);

/// At most `limit` bytes of a text that a plugin or a file chose, fit for one line of a log.
std::string printable(std::string_view text, std::size_t limit);

}  // namespace berth::netcni
