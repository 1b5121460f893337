// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/config.hpp"

namespace berth::daemon {

/// One setting: where it is in the file and in Config, and what to say about it. The table of these is all
/// that parsing, refusing unknown keys, origins, flags and `berthctl config default` know about settings.
struct ConfigKey {
  using Member = std::variant<std::string Config::*, std::vector<std::string> Config::*,
                              std::uint32_t Config::*, std::int64_t Config::*>;
  std::string_view table;
  std::string_view name;
  Member member;
  std::string_view comment;
  /// Bounds of integers, both included.
  std::int64_t min = 0;
  std::int64_t max = std::numeric_limits<std::int64_t>::max();

  /// "table.name", as errors and origins name it.
  std::string path() const;
};

/// The same for a key of [runtime.handlers.NAME].
struct HandlerKey {
  std::string_view name;
  bool HandlerConfig::*member;
  std::string_view comment;
};

inline constexpr std::string_view kHandlersTable = "runtime.handlers";

/// In the order in which they are printed; keys of one table are together.
std::span<const ConfigKey> config_keys();
std::span<const HandlerKey> handler_keys();

const ConfigKey* find_config_key(std::string_view path);
bool is_config_table(std::string_view name);

/// The known key nearest to `path`, for "did you mean"; empty when none is near.
std::string nearest_config_key(std::string_view path);

/// kInvalidArgument unless the key's integer is within its bounds.
Result<void> check_range(const ConfigKey& key, std::int64_t value);

}  // namespace berth::daemon
