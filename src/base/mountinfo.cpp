// SPDX-License-Identifier: Apache-2.0
#include "base/mountinfo.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/cat.hpp"
#include "base/dir.hpp"

namespace berth {
namespace {

bool is_octal(char c) {
  return c >= '0' && c <= '7';
}

// The kernel writes blank, tab, newline, backslash and "#" as a backslash and three octal digits.
std::string unescape(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 3 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '3' &&
                        is_octal(text[i + 2]) && is_octal(text[i + 3]);
    if (!escape) {
      plain.push_back(text[i]);
      continue;
    }
    plain.push_back(
        static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0')));
    i += 3;
  }
  return plain;
}

/// Hands out blank-separated fields. An empty field counts: a mount may have an empty source.
class Fields {
 public:
  explicit Fields(std::string_view line) : rest_(line) {}

  std::optional<std::string_view> next() {
    if (!rest_) return std::nullopt;
    const std::size_t blank = rest_->find(' ');
    const std::string_view field = rest_->substr(0, blank);
    rest_ = blank == std::string_view::npos ? std::nullopt : std::optional(rest_->substr(blank + 1));
    return field;
  }
  std::optional<std::string_view> remainder() { return rest_; }

 private:
  std::optional<std::string_view> rest_;
};

bool take_text(Fields& fields, std::string& out) {
  const auto field = fields.next();
  if (field) out = unescape(*field);
  return field.has_value();
}

bool take_number(Fields& fields, std::uint64_t& out) {
  const auto field = fields.next();
  if (!field) return false;
  const auto parsed = std::from_chars(field->data(), field->data() + field->size(), out);
  return parsed.ec == std::errc() && parsed.ptr == field->data() + field->size();
}

bool take_optional_fields(Fields& fields, std::vector<std::string>& out) {
  for (;;) {
    const auto field = fields.next();
    if (!field) return false;
    if (*field == "-") return true;
    out.emplace_back(*field);
  }
}

std::optional<MountEntry> parse_line(std::string_view line) {
  Fields fields(line);
  MountEntry entry;
  const bool head = take_number(fields, entry.id) && take_number(fields, entry.parent) && fields.next() &&
                    take_text(fields, entry.root) && take_text(fields, entry.mount_point) &&
                    take_text(fields, entry.options) && take_optional_fields(fields, entry.optional_fields) &&
                    take_text(fields, entry.filesystem) && take_text(fields, entry.source);
  const auto rest = fields.remainder();  // the last field, whatever blanks a filesystem printed in it
  if (!head || !rest) return std::nullopt;
  entry.super_options = unescape(*rest);
  return entry;
}

bool is_at_or_above(std::string_view path, std::string_view below) {
  if (path == "/") return true;
  return below.substr(0, path.size()) == path && (below.size() == path.size() || below[path.size()] == '/');
}

}  // namespace

bool is_hidden(const MountEntry& mount, const std::vector<MountEntry>& all) {
  const auto some = [&](auto&& holds) { return std::find_if(all.begin(), all.end(), holds); };
  const auto is_on_top = [&](const MountEntry& other) {
    return other.parent == mount.id && other.id != mount.id && other.mount_point == mount.mount_point;
  };
  if (some(is_on_top) != all.end()) return true;
  // Upwards: a later mount beside the one we came through covers it.
  auto at = some([&](const MountEntry& other) { return other.id == mount.id; });
  for (std::size_t steps = 0; at != all.end() && steps < all.size(); ++steps) {
    const auto covers = [&](const MountEntry& other) {
      return other.parent == at->parent && other.id != at->id && other.id != at->parent &&
             is_at_or_above(other.mount_point, at->mount_point);
    };
    if (some(covers) != all.end()) return true;
    at = some([&](const MountEntry& other) { return other.id == at->parent && other.id != at->id; });
  }
  return false;
}

Result<std::vector<MountEntry>> parse_mountinfo(std::string_view text) {
  std::vector<MountEntry> entries;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    std::optional<MountEntry> entry = parse_line(line);
    if (!entry) return Error(Code::kInternal, cat("line ", entries.size() + 1, " of mountinfo is malformed"));
    entries.push_back(*std::move(entry));
  }
  return entries;
}

Result<std::vector<MountEntry>> read_mountinfo() {
  // 100,000 mounts of 500 bytes each would fit.
  constexpr std::size_t kLimit = 64U << 20U;
  ASSIGN_OR_RETURN(const std::string text, read_file("/proc/self/mountinfo", kLimit));
  return parse_mountinfo(text);
}

}  // namespace berth
