// SPDX-License-Identifier: Apache-2.0
#include "image/tar_pax.hpp"

#include <algorithm>
#include <charconv>

#include "base/cat.hpp"

namespace berth::image {
namespace {

constexpr std::string_view kSchily = "SCHILY.xattr.";
constexpr std::string_view kLibarchive = "LIBARCHIVE.xattr.";

Error malformed_pax(std::string_view what) {
  return {Code::kInvalidArgument, cat("pax header: ", what)};
}

struct Record {
  std::string_view key, value;
};

// "<length> <key>=<value>\n", where the length counts all of it, itself included.
Result<Record> take_record(std::string_view& rest) {
  std::size_t length = 0;
  const auto [end, err] = std::from_chars(rest.data(), rest.data() + rest.size(), length);
  const auto digits = static_cast<std::size_t>(end - rest.data());
  if (err != std::errc() || digits == 0 || digits == rest.size() || rest[digits] != ' ') {
    return malformed_pax("a record does not start with its length");
  }
  if (length <= digits + 1 || length > rest.size()) return malformed_pax("a record's length is wrong");
  std::string_view body = rest.substr(digits + 1, length - digits - 1);
  if (body.back() != '\n') return malformed_pax("a record does not end in a newline");
  body.remove_suffix(1);
  const std::size_t equals = body.find('=');
  if (equals == std::string_view::npos || equals == 0) return malformed_pax("a record has no key");
  rest.remove_prefix(length);
  return Record{body.substr(0, equals), body.substr(equals + 1)};
}

Result<std::optional<std::string>> parse_name(const Record& record) {
  if (record.value.find('\0') != std::string_view::npos)
    return malformed_pax(cat(record.key, " contains a NUL"));
  if (record.value.empty()) return std::optional<std::string>();
  return std::optional<std::string>(record.value);
}

Result<std::optional<std::uint64_t>> parse_number(const Record& record) {
  if (record.value.empty()) return std::optional<std::uint64_t>();
  std::uint64_t number = 0;
  const char* last = record.value.data() + record.value.size();
  const auto [end, err] = std::from_chars(record.value.data(), last, number);
  if (err != std::errc() || end != last) return malformed_pax(cat(record.key, " is not a number"));
  return std::optional<std::uint64_t>(number);
}

// "-12.5" is 12.5 s before 1970: second -13 and half a second forward.
Result<std::optional<PaxFields::Time>> parse_time(const Record& record) {
  if (record.value.empty()) return std::optional<PaxFields::Time>();
  const std::string_view text = record.value;
  const std::size_t dot = text.find('.');
  const std::string_view whole = text.substr(0, dot);
  PaxFields::Time time;
  const auto [end, err] = std::from_chars(whole.data(), whole.data() + whole.size(), time.seconds);
  if (err == std::errc::invalid_argument || end != whole.data() + whole.size())
    return malformed_pax("mtime is not a time");
  if (err == std::errc::result_out_of_range) return malformed_pax("mtime is out of range");
  if (dot == std::string_view::npos) return std::optional<PaxFields::Time>(time);
  std::string fraction(text.substr(dot + 1, 9));
  const bool digits = text.find_first_not_of("0123456789", dot + 1) == std::string_view::npos;
  if (!digits) return malformed_pax("mtime is not a time");
  fraction.resize(9, '0');
  std::from_chars(fraction.data(), fraction.data() + fraction.size(), time.nanoseconds);
  if (whole.starts_with('-') && time.nanoseconds != 0) {
    if (time.seconds == INT64_MIN) return malformed_pax("mtime is out of range");
    --time.seconds;
    time.nanoseconds = 1'000'000'000U - time.nanoseconds;
  }
  return std::optional<PaxFields::Time>(time);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

Result<std::string> decode_percent(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out.push_back(text[at]);
      continue;
    }
    const int high = at + 2 < text.size() ? hex_digit(text[at + 1]) : -1;
    const int low = at + 2 < text.size() ? hex_digit(text[at + 2]) : -1;
    if (high < 0 || low < 0) return malformed_pax("a percent sign in an attribute's name escapes nothing");
    out.push_back(static_cast<char>(high * 16 + low));
    at += 2;
  }
  return out;
}

Result<std::string> decode_base64(std::string_view text) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return malformed_pax("an attribute's value is not base64");
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<char>((bits >> count) & 0xff));
  }
  return out;
}

Result<void> add_xattr(PaxFields& fields, std::string name, std::string value) {
  if (name.empty() || name.find('\0') != std::string::npos)
    return malformed_pax("an attribute has no usable name");
  fields.xattrs.emplace_back(std::move(name), std::move(value));
  return {};
}

Result<void> apply(PaxFields& fields, const Record& record) {
  if (record.key == "path") {
    ASSIGN_OR_RETURN(fields.path, parse_name(record));
  } else if (record.key == "linkpath") {
    ASSIGN_OR_RETURN(fields.link, parse_name(record));
  } else if (record.key == "size") {
    ASSIGN_OR_RETURN(fields.size, parse_number(record));
  } else if (record.key == "uid") {
    ASSIGN_OR_RETURN(fields.uid, parse_number(record));
  } else if (record.key == "gid") {
    ASSIGN_OR_RETURN(fields.gid, parse_number(record));
  } else if (record.key == "mtime") {
    ASSIGN_OR_RETURN(fields.mtime, parse_time(record));
  } else if (record.key.starts_with("GNU.sparse.")) {
    fields.is_sparse = true;
  } else if (record.key.starts_with(kSchily)) {
    return add_xattr(fields, std::string(record.key.substr(kSchily.size())), std::string(record.value));
  } else if (record.key.starts_with(kLibarchive)) {
    ASSIGN_OR_RETURN(std::string name, decode_percent(record.key.substr(kLibarchive.size())));
    ASSIGN_OR_RETURN(std::string value, decode_base64(record.value));
    return add_xattr(fields, std::move(name), std::move(value));
  }
  return {};
}

// libarchive writes every attribute in both forms; and of equal names the last one counts.
void drop_duplicates(PaxFields& fields) {
  std::stable_sort(fields.xattrs.begin(), fields.xattrs.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::pair<std::string, std::string>> unique;
  for (auto& xattr : fields.xattrs) {
    if (!unique.empty() && unique.back().first == xattr.first) unique.pop_back();
    unique.push_back(std::move(xattr));
  }
  fields.xattrs = std::move(unique);
}

}  // namespace

Result<PaxFields> parse_pax(std::string_view records) {
  PaxFields fields;
  while (!records.empty()) {
    ASSIGN_OR_RETURN(const Record record, take_record(records));
    RETURN_IF_ERROR(apply(fields, record));
  }
  drop_duplicates(fields);
  return fields;
}

}  // namespace berth::image
