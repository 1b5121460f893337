// SPDX-License-Identifier: Apache-2.0
#include "image/tar_format.hpp"

#include <array>
#include <cstdio>
#include <cstring>

#include "base/cat.hpp"
#include "image/tar_header.hpp"

namespace berth::image {
namespace {

struct Field {
  std::size_t at, size;
};
// POSIX ustar.
constexpr Field kName{0, 100}, kMode{100, 8}, kUid{108, 8}, kGid{116, 8}, kSize{124, 12}, kMtime{136, 12},
    kChecksum{148, 8}, kLink{157, 100}, kMagic{257, 8}, kMajor{329, 8}, kMinor{337, 8};
constexpr std::size_t kType = 156;

using Block = std::array<char, kTarBlock>;

bool fits_octal(std::int64_t value, const Field& field) {
  return value >= 0 && value < std::int64_t{1} << (3 * (field.size - 1));
}

void put_text(Block& block, const Field& field, std::string_view text) {
  std::memcpy(block.data() + field.at, text.data(), std::min(text.size(), field.size));
}

/// Octal; what does not fit is binary, GNU's way, which everybody reads.
void put_number(Block& block, const Field& field, std::int64_t value) {
  if (fits_octal(value, field)) {
    std::array<char, 24> digits{};
    std::snprintf(digits.data(), digits.size(), "%0*llo", static_cast<int>(field.size - 1),
                  static_cast<long long>(value));
    return put_text(block, field, {digits.data(), field.size - 1});
  }
  for (std::size_t i = 0; i < field.size; ++i) {
    const std::size_t shift = 8 * (field.size - 1 - i);
    const auto byte = shift < 64 ? static_cast<std::uint64_t>(value) >> shift : (value < 0 ? 0xFFU : 0U);
    block[field.at + i] = static_cast<char>(byte & 0xFFU);
  }
  block[field.at] = static_cast<char>(block[field.at] | '\x80');
}

char type_letter(TarEntry::Type type) {
  switch (type) {
    case TarEntry::Type::kHardLink:
      return '1';
    case TarEntry::Type::kSymlink:
      return '2';
    case TarEntry::Type::kCharDevice:
      return '3';
    case TarEntry::Type::kBlockDevice:
      return '4';
    case TarEntry::Type::kDirectory:
      return '5';
    case TarEntry::Type::kFifo:
      return '6';
    case TarEntry::Type::kFile:
      break;
  }
  return '0';
}

std::string format_block(const TarEntry& entry, char type) {
  Block block{};
  put_text(block, kName, entry.name);
  put_number(block, kMode, entry.mode);
  put_number(block, kUid, entry.uid);
  put_number(block, kGid, entry.gid);
  put_number(block, kSize, static_cast<std::int64_t>(entry.size));
  put_number(block, kMtime, entry.mtime_s);
  block[kType] = type;
  put_text(block, kLink, entry.link);
  put_text(block, kMagic,
           std::string_view("ustar\0"
                            "00",
                            8));
  put_number(block, kMajor, entry.dev_major);
  put_number(block, kMinor, entry.dev_minor);
  put_text(block, kChecksum, "        ");
  std::int64_t sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  put_number(block, {kChecksum.at, kChecksum.size - 1}, sum);
  return {block.data(), block.size()};
}

/// "LENGTH KEY=VALUE\n", where the length counts its own digits.
std::string pax_record(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;  // blank, equals sign, line feed
  std::size_t length = rest;
  while (rest + std::to_string(length).size() != length) length = rest + std::to_string(length).size();
  return cat(length, " ", key, "=", value, "\n");
}

std::string decimal_time(const TarEntry& entry) {
  std::array<char, 16> fraction{};
  // The fraction of a time before 1970 counts backwards in a decimal number.
  const bool backwards = entry.mtime_s < 0 && entry.mtime_ns != 0;
  const std::int64_t seconds = backwards ? entry.mtime_s + 1 : entry.mtime_s;
  const std::uint32_t ns = backwards ? 1'000'000'000 - entry.mtime_ns : entry.mtime_ns;
  std::snprintf(fraction.data(), fraction.size(), "%09u", ns);
  return cat(backwards && seconds == 0 ? "-" : "", seconds, ".", std::string_view(fraction.data(), 9));
}

std::string pax_records(const TarEntry& entry) {
  std::string records;
  if (entry.name.size() > kName.size) records += pax_record("path", entry.name);
  if (entry.link.size() > kLink.size) records += pax_record("linkpath", entry.link);
  if (entry.mtime_ns != 0) records += pax_record("mtime", decimal_time(entry));
  for (const auto& [name, value] : entry.xattrs) records += pax_record(cat("SCHILY.xattr.", name), value);
  return records;
}

}  // namespace

std::string format_tar_header(const TarEntry& entry) {
  const std::string records = pax_records(entry);
  if (records.empty()) return format_block(entry, type_letter(entry.type));
  TarEntry extension;
  extension.name = "PaxHeaders/" + entry.name.substr(0, kName.size - 11);
  extension.mode = 0644;
  extension.size = records.size();
  return cat(format_block(extension, 'x'), records, tar_padding(records.size()),
             format_block(entry, type_letter(entry.type)));
}

std::string tar_padding(std::uint64_t size) {
  return std::string(static_cast<std::size_t>((kTarBlock - size % kTarBlock) % kTarBlock), '\0');
}

std::string tar_end() {
  return std::string(2 * kTarBlock, '\0');
}

}  // namespace berth::image
