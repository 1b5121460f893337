// SPDX-License-Identifier: Apache-2.0
#include "image/registry/header_values.hpp"

#include <ctime>

#include <algorithm>
#include <charconv>

namespace berth::image {
namespace {

constexpr std::size_t kMaxChallenges = 16;
constexpr std::size_t kMaxParams = 32;

bool is_token(char c) {
  const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return alnum || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

/// Walks a header value; never past its end.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}
  bool done() const { return rest_.empty(); }
  void skip(std::string_view set) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(set), rest_.size()));
  }
  void skip_until(char stop) { rest_.remove_prefix(std::min(rest_.find(stop), rest_.size())); }
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view token() {
    std::size_t length = 0;
    while (length < rest_.size() && is_token(rest_[length])) ++length;
    const std::string_view word = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return word;
  }
  // After the opening quote. An unclosed string is no value.
  std::optional<std::string> quoted() {
    std::string value;
    while (!rest_.empty()) {
      char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return value;
      if (c == '\\' && !rest_.empty()) {
        c = rest_.front();
        rest_.remove_prefix(1);
      }
      value.push_back(c);
    }
    return std::nullopt;
  }

 private:
  std::string_view rest_;
};

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

std::vector<Challenge> parse_challenges(std::string_view header) {
  std::vector<Challenge> challenges;
  Scanner scanner(header);
  while (true) {
    scanner.skip(" \t,");
    if (scanner.done()) return challenges;
    const std::string_view word = scanner.token();
    scanner.skip(" \t");
    if (word.empty() || (challenges.empty() && scanner.take('='))) {
      scanner.skip_until(',');
    } else if (!scanner.take('=')) {
      if (challenges.size() == kMaxChallenges) return challenges;
      challenges.push_back({lower(word), {}});
    } else {
      scanner.skip(" \t");
      std::optional<std::string> value;
      if (scanner.take('"')) {
        value = scanner.quoted();
      } else if (const std::string_view plain = scanner.token(); !plain.empty()) {
        value = std::string(plain);
      } else {
        scanner.skip_until(',');  // a token68, which no scheme of ours uses
      }
      auto& params = challenges.back().params;
      if (value && params.size() < kMaxParams) params.try_emplace(lower(word), *std::move(value));
    }
  }
}

std::optional<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<ContentRange> parse_content_range(std::string_view header) {
  constexpr std::string_view kUnit = "bytes ";
  if (lower(header.substr(0, kUnit.size())) != kUnit) return std::nullopt;
  header.remove_prefix(kUnit.size());
  const std::size_t dash = header.find('-');
  const std::size_t slash = header.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) return std::nullopt;
  const auto first = parse_count(header.substr(0, dash));
  const auto last = parse_count(header.substr(dash + 1, slash - dash - 1));
  if (!first || !last || *last < *first) return std::nullopt;
  ContentRange range{*first, *last, std::nullopt};
  const std::string_view total = header.substr(slash + 1);
  if (total == "*") return range;
  range.total = parse_count(total);
  if (!range.total || *range.total <= range.last) return std::nullopt;
  return range;
}

std::optional<std::chrono::seconds> parse_retry_after(std::string_view header, std::int64_t now_seconds) {
  constexpr std::uint64_t kLongest = 1U << 30;
  if (const auto seconds = parse_count(header)) return std::chrono::seconds(std::min(*seconds, kLongest));
  std::tm date{};
  const std::string text(header);
  const char* end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return std::chrono::seconds(std::max<std::int64_t>(0, ::timegm(&date) - now_seconds));
}

}  // namespace berth::image
