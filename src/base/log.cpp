// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <nlohmann/json.hpp>

#include "base/cat.hpp"
#include "base/clock.hpp"

namespace berth::log {
namespace {

std::atomic<Level> current_level{Level::kInfo};
std::atomic<Format> current_format{Format::kText};

constexpr std::array<std::string_view, 4> kLevelNames{"debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 4> kPriorities{"<7>", "<6>", "<4>", "<3>"};  // sd-daemon(3)
constexpr std::array<std::string_view, 3> kFormatNames{"text", "json", "journald"};

bool is_plain(std::string_view value) {
  return !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7f && c != '"' && c != '=' && c != '\\';
  });
}

void append_quoted(std::string& line, std::string_view value) {
  constexpr std::string_view kHex = "0123456789abcdef";
  line.push_back('"');
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      line.append({'\\', c});
    } else if (c == '\n') {
      line.append("\\n");
    } else if (c == '\t') {
      line.append("\\t");
    } else if (byte < 0x20 || byte == 0x7f) {
      line.append({'\\', 'x', kHex[byte >> 4], kHex[byte & 15]});
    } else {
      line.push_back(c);
    }
  }
  line.push_back('"');
}

void append_value(std::string& line, std::string_view value) {
  if (is_plain(value)) {
    line.append(value);
  } else {
    append_quoted(line, value);
  }
}

std::string text_line(Level level, std::string_view message, std::initializer_list<Field> fields) {
  std::string line = cat("level=", kLevelNames[static_cast<std::size_t>(level)], " msg=");
  append_quoted(line, message);
  for (const Field& field : fields) {
    line.append(" ").append(field.key).append("=");
    append_value(line, field.value);
  }
  return line;
}

std::string json_line(Level level, std::string_view message, std::initializer_list<Field> fields) {
  nlohmann::ordered_json line{
      {"time", rfc3339(now_ns())}, {"level", kLevelNames[static_cast<std::size_t>(level)]}, {"msg", message}};
  for (const Field& field : fields) line[std::string(field.key)] = field.value;
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

template <std::size_t Count>
std::size_t index_of(const std::array<std::string_view, Count>& names, std::string_view text) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), text) - names.begin());
}

}  // namespace

void configure(Level level, Format format) {
  current_level = level;
  current_format = format;
}

Result<Level> parse_level(std::string_view text) {
  const std::size_t index = index_of(kLevelNames, text);
  if (index < kLevelNames.size()) return static_cast<Level>(index);
  return Error(Code::kInvalidArgument, cat("unknown log level \"", text, "\" (debug, info, warn, error)"));
}

Result<Format> parse_format(std::string_view text) {
  const std::size_t index = index_of(kFormatNames, text);
  if (index < kFormatNames.size()) return static_cast<Format>(index);
  return Error(Code::kInvalidArgument, cat("unknown log format \"", text, "\" (text, json, journald)"));
}

bool enabled(Level level) {
  return level >= current_level.load(std::memory_order_relaxed);
}

void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
  if (!enabled(level)) return;
  std::string line;
  switch (current_format.load(std::memory_order_relaxed)) {
    case Format::kText:
      line = cat("time=", rfc3339(now_ns()), " ", text_line(level, message, fields));
      break;
    case Format::kJson:
      line = json_line(level, message, fields);
      break;
    case Format::kJournald:
      line = cat(kPriorities[static_cast<std::size_t>(level)], text_line(level, message, fields));
      break;
  }
  line.push_back('\n');
  // A reader of our stderr that has stopped reading must not stop the daemon.
  pollfd ready{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) return;
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) return;
}

}  // namespace berth::log
