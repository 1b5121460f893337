// SPDX-License-Identifier: Apache-2.0
#include "image/tar_header.hpp"

#include <algorithm>

#include "base/cat.hpp"

namespace berth::image {
namespace {

// Offsets and lengths of POSIX.1-2017 pax, "ustar Interchange Format".
struct Field {
  std::size_t at, length;
};
constexpr Field kName{0, 100}, kMode{100, 8}, kUid{108, 8}, kGid{116, 8}, kSize{124, 12}, kMtime{136, 12},
    kChecksum{148, 8}, kLink{157, 100}, kMagic{257, 8}, kDevMajor{329, 8}, kDevMinor{337, 8},
    kPrefix{345, 155};
constexpr std::size_t kTypeAt = 156;

std::optional<std::int64_t> parse_base256(std::string_view field) {
  // The first bit marks the format, the second is the sign of the two's complement number.
  const bool negative = (static_cast<unsigned char>(field[0]) & 0x40) != 0;
  const unsigned fill = negative ? 0xff : 0;
  std::uint64_t value = negative ? UINT64_MAX : 0;
  for (std::size_t at = 0; at < field.size(); ++at) {
    unsigned byte = static_cast<unsigned char>(field[at]);
    if (at == 0) byte = negative ? byte | 0x80U : byte & 0x7fU;
    if (at + 8 < field.size() && byte != fill) return std::nullopt;
    value = (value << 8) | byte;
  }
  const auto number = static_cast<std::int64_t>(value);
  if ((number < 0) != negative) return std::nullopt;
  return number;
}

class Block {
 public:
  explicit Block(std::span<const std::byte, kTarBlock> bytes)
      : text_(reinterpret_cast<const char*>(bytes.data()), bytes.size()) {}

  std::string_view raw(Field field) const { return text_.substr(field.at, field.length); }
  std::string text(Field field) const {
    const std::string_view all = raw(field);
    return std::string(all.substr(0, all.find('\0')));
  }
  char type() const { return text_[kTypeAt]; }
  bool is_zero() const { return text_.find_first_not_of('\0') == std::string_view::npos; }

  // Old tars added signed characters up.
  bool checksum_fits() const {
    const auto stated = parse_tar_number(raw(kChecksum));
    std::int64_t plain = 0;
    std::int64_t with_sign = 0;
    for (std::size_t at = 0; at < text_.size(); ++at) {
      const bool blank = at >= kChecksum.at && at < kChecksum.at + kChecksum.length;
      const char c = blank ? ' ' : text_[at];
      plain += static_cast<unsigned char>(c);
      with_sign += static_cast<signed char>(c);
    }
    return stated && (*stated == plain || *stated == with_sign);
  }

 private:
  std::string_view text_;
};

Error malformed_header(std::string_view what) {
  return {Code::kInvalidArgument, cat("tar header: ", what)};
}

Result<void> read_numbers(const Block& block, bool has_devices, TarHeader& header) {
  struct Target {
    Field field;
    std::int64_t* value;
    std::string_view what;
    bool present;
  };
  const Target targets[] = {{kMode, &header.mode, "mode", true},
                            {kUid, &header.uid, "user ID", true},
                            {kGid, &header.gid, "group ID", true},
                            {kSize, &header.size, "size", true},
                            {kMtime, &header.mtime, "time", true},
                            {kDevMajor, &header.dev_major, "device number", has_devices},
                            {kDevMinor, &header.dev_minor, "device number", has_devices}};
  for (const Target& target : targets) {
    if (!target.present) continue;
    const auto number = parse_tar_number(block.raw(target.field));
    if (!number) return malformed_header(cat("the ", target.what, " is not a number"));
    *target.value = *number;
  }
  return {};
}

}  // namespace

std::optional<std::int64_t> parse_tar_number(std::string_view field) {
  if (!field.empty() && (static_cast<unsigned char>(field[0]) & 0x80) != 0) return parse_base256(field);
  constexpr std::string_view kBlank(" \0", 2);
  const std::size_t first = field.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return 0;
  field = field.substr(first, field.find_last_not_of(kBlank) - first + 1);
  std::int64_t number = 0;
  for (const char c : field) {
    if (c < '0' || c > '7' || number > (INT64_MAX >> 3)) return std::nullopt;
    number = number * 8 + (c - '0');
  }
  return number;
}

Result<std::optional<TarHeader>> parse_tar_header(std::span<const std::byte, kTarBlock> bytes) {
  const Block block(bytes);
  if (block.is_zero()) return std::optional<TarHeader>();
  if (!block.checksum_fits()) return malformed_header("the checksum does not match");
  const std::string_view magic = block.raw(kMagic);
  const bool is_ustar = magic.starts_with(std::string_view("ustar\0", 6));
  const bool is_gnu = magic == std::string_view("ustar  \0", 8);
  TarHeader header;
  header.type = block.type();
  header.name = block.text(kName);
  header.link = block.text(kLink);
  // GNU keeps access and change times where ustar has the prefix.
  if (is_ustar) {
    const std::string prefix = block.text(kPrefix);
    if (!prefix.empty()) header.name = cat(prefix, "/", header.name);
  }
  RETURN_IF_ERROR(read_numbers(block, is_ustar || is_gnu, header));
  return std::optional<TarHeader>(std::move(header));
}

}  // namespace berth::image
