// SPDX-License-Identifier: Apache-2.0
#include "netcni/names.hpp"

#include <algorithm>

#include "base/cat.hpp"

namespace berth::netcni {
namespace {

constexpr std::size_t kMaxName = 255;

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_printable(char c) {
  return c >= ' ' && c <= '~';
}

Error refused(std::string_view what, std::string_view text) {
  return {Code::kInvalidArgument, cat("invalid ", what, " \"", printable(text, 80), "\"")};
}

}  // namespace

Result<void> check_identifier(std::string_view text, std::string_view what) {
  const auto allowed = [](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; };
  const bool valid = !text.empty() && text.size() <= kMaxName && is_alphanumeric(text.front()) &&
                     std::all_of(text.begin(), text.end(), allowed);
  if (!valid) return refused(what, text);
  return {};
}

Result<void> check_plugin_type(std::string_view type) {
  const auto allowed = [](char c) { return is_printable(c) && c != '/'; };
  const bool valid = !type.empty() && type.size() <= kMaxName && type != "." && type != ".." &&
                     std::all_of(type.begin(), type.end(), allowed);
  if (!valid) return refused("plugin type", type);
  return {};
}

Result<void> check_argument(std::string_view value, std::string_view what) {
  const auto allowed = [](char c) { return is_printable(c) && c != ';' && c != '='; };
  if (!std::all_of(value.begin(), value.end(), allowed)) return refused(what, value);
  return {};
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string line(text.substr(0, limit));
  for (char& c : line) {
    if (c == '\n' || c == '\r' || c == '\t') c = ' ';
    if (!is_printable(c)) c = '.';
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  if (text.size() > limit) line += "...";
  return line;
}

}  // namespace berth::netcni
