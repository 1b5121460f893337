// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.hpp"

namespace berth::log {

/// Structured lines on stderr: text (logfmt), JSON, or journald's native priority prefix. One
/// write(2) per line; a log that cannot be written is dropped, never waited for.
enum class Level : std::uint8_t { kDebug, kInfo, kWarn, kError };
enum class Format : std::uint8_t { kText, kJson, kJournald };

struct Field {
  std::string_view key;
  std::string value;
};

void configure(Level level, Format format);
Result<Level> parse_level(std::string_view text);
Result<Format> parse_format(std::string_view text);
bool enabled(Level level);
void write(Level level, std::string_view message, std::initializer_list<Field> fields = {});

inline void debug(std::string_view message, std::initializer_list<Field> fields = {}) {
  write(Level::kDebug, message, fields);
}
inline void info(std::string_view message, std::initializer_list<Field> fields = {}) {
  write(Level::kInfo, message, fields);
}
inline void warn(std::string_view message, std::initializer_list<Field> fields = {}) {
  write(Level::kWarn, message, fields);
}
inline void error(std::string_view message, std::initializer_list<Field> fields = {}) {
  write(Level::kError, message, fields);
}

}  // namespace berth::log
