// SPDX-License-Identifier: Apache-2.0
#include "image/tar_reader.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/cat.hpp"

namespace berth::image {
namespace {

constexpr std::uint64_t kMaxExtension = 1024UL * 1024;
constexpr std::int64_t kMaxId = 0xfffffffe;  // -1 means "leave it" to chown(2)
constexpr std::int64_t kMaxDeviceMajor = 0xfff;
constexpr std::int64_t kMaxDeviceMinor = 0xfffff;

Error malformed_archive(std::string_view what) {
  return {Code::kInvalidArgument, cat("tar archive: ", what)};
}
Error truncated() {
  return malformed_archive("it ends early");
}

std::size_t padding_of(std::uint64_t size) {
  return static_cast<std::size_t>((kTarBlock - size % kTarBlock) % kTarBlock);
}

Result<TarEntry::Type> type_of(char flag, bool has_slash) {
  switch (flag) {
    case '0':
    case '\0':
    case '7':
      // How v7 wrote directories.
      return has_slash ? TarEntry::Type::kDirectory : TarEntry::Type::kFile;
    case '1':
      return TarEntry::Type::kHardLink;
    case '2':
      return TarEntry::Type::kSymlink;
    case '3':
      return TarEntry::Type::kCharDevice;
    case '4':
      return TarEntry::Type::kBlockDevice;
    case '5':
      return TarEntry::Type::kDirectory;
    case '6':
      return TarEntry::Type::kFifo;
    case 'S':
      return Error(Code::kUnimplemented, "tar archive: sparse files are not supported");
    default:
      const auto code = static_cast<unsigned char>(flag);
      return Error(Code::kUnimplemented,
                   cat("tar archive: entry type number ", unsigned{code}, " is not supported"));
  }
}

Result<std::uint32_t> checked(std::uint64_t value, std::int64_t limit, std::string_view what) {
  if (value > static_cast<std::uint64_t>(limit))
    return malformed_archive(cat("the ", what, " ", value, " is out of range"));
  return static_cast<std::uint32_t>(value);
}

Result<std::uint32_t> checked(std::int64_t value, std::int64_t limit, std::string_view what) {
  if (value < 0) return malformed_archive(cat("the ", what, " is negative"));
  return checked(static_cast<std::uint64_t>(value), limit, what);
}

}  // namespace

/// At least one byte and at most `at_most`, unless the source has ended.
Result<std::span<const std::byte>> TarReader::take(std::size_t at_most) {
  if (piece_.empty()) {
    ASSIGN_OR_RETURN(piece_, from_.next());
  }
  const auto now = piece_.first(std::min(piece_.size(), at_most));
  piece_ = piece_.subspan(now.size());
  return now;
}

/// False when the source ended before the first byte.
Result<bool> TarReader::fill(std::span<std::byte> block) {
  std::size_t have = 0;
  while (have < block.size()) {
    ASSIGN_OR_RETURN(const std::span<const std::byte> now, take(block.size() - have));
    if (now.empty() && have == 0) return false;
    if (now.empty()) return truncated();
    std::memcpy(block.data() + have, now.data(), now.size());
    have += now.size();
  }
  return true;
}

Result<void> TarReader::skip(std::uint64_t count) {
  while (count != 0) {
    ASSIGN_OR_RETURN(const std::span<const std::byte> now,
                     take(static_cast<std::size_t>(std::min<std::uint64_t>(count, SIZE_MAX))));
    if (now.empty()) return truncated();
    count -= now.size();
  }
  return {};
}

Result<void> TarReader::skip_entry() {
  RETURN_IF_ERROR(skip(std::exchange(content_left_, 0)));
  return skip(std::exchange(padding_, 0));
}

/// Nothing at the end of the archive.
Result<std::optional<TarHeader>> TarReader::read_header() {
  std::array<std::byte, kTarBlock> block{};
  ASSIGN_OR_RETURN(const bool got, fill(block));
  if (!got) return std::optional<TarHeader>();
  ASSIGN_OR_RETURN(std::optional<TarHeader> header, parse_tar_header(block));
  if (header) return header;
  ASSIGN_OR_RETURN(const bool got_second, fill(block));
  if (!got_second) return header;
  ASSIGN_OR_RETURN(const std::optional<TarHeader> second, parse_tar_header(block));
  if (second) return malformed_archive("a single block of zeros between entries");
  return header;
}

Result<std::string> TarReader::read_extension(const TarHeader& header) {
  if (header.size < 0 || static_cast<std::uint64_t>(header.size) > kMaxExtension) {
    return malformed_archive(cat("an extension header of ", header.size, " bytes"));
  }
  std::string data(static_cast<std::size_t>(header.size), '\0');
  ASSIGN_OR_RETURN(const bool got, fill(std::as_writable_bytes(std::span(data))));
  if (!got && !data.empty()) return truncated();
  RETURN_IF_ERROR(skip(padding_of(data.size())));
  return data;
}

Result<bool> TarReader::absorb_extension(const TarHeader& header) {
  if (header.type != 'x' && header.type != 'g' && header.type != 'L' && header.type != 'K') return false;
  ASSIGN_OR_RETURN(const std::string data, read_extension(header));
  if (header.type == 'x') {
    ASSIGN_OR_RETURN(pax_, parse_pax(data));
  } else if (header.type == 'L') {
    long_name_ = data.substr(0, data.find('\0'));
  } else if (header.type == 'K') {
    long_link_ = data.substr(0, data.find('\0'));
  }
  // A global header only ever carries comments here; other tools ignore its other records, too.
  return true;
}

Result<void> TarReader::make_entry(const TarHeader& header) {
  const PaxFields pax = std::exchange(pax_, std::nullopt).value_or(PaxFields());
  entry_ = TarEntry();
  entry_.name = pax.path.value_or(std::exchange(long_name_, std::nullopt).value_or(header.name));
  entry_.link = pax.link.value_or(std::exchange(long_link_, std::nullopt).value_or(header.link));
  entry_.xattrs = pax.xattrs;
  if (entry_.name.size() > kMaxTarName || entry_.link.size() > kMaxTarName) {
    return malformed_archive(cat("a name is longer than ", kMaxTarName, " bytes"));
  }
  if (pax.is_sparse) return Error(Code::kUnimplemented, "tar archive: sparse files are not supported");
  ASSIGN_OR_RETURN(entry_.type, type_of(header.type, entry_.name.ends_with('/')));
  if (header.mode < 0) return malformed_archive("the mode is negative");
  entry_.mode = static_cast<std::uint32_t>(header.mode & 07777);
  ASSIGN_OR_RETURN(entry_.uid,
                   pax.uid ? checked(*pax.uid, kMaxId, "user ID") : checked(header.uid, kMaxId, "user ID"));
  ASSIGN_OR_RETURN(entry_.gid,
                   pax.gid ? checked(*pax.gid, kMaxId, "group ID") : checked(header.gid, kMaxId, "group ID"));
  entry_.mtime_s = pax.mtime ? pax.mtime->seconds : header.mtime;
  entry_.mtime_ns = pax.mtime ? pax.mtime->nanoseconds : 0;
  if (entry_.type == TarEntry::Type::kCharDevice || entry_.type == TarEntry::Type::kBlockDevice) {
    ASSIGN_OR_RETURN(entry_.dev_major, checked(header.dev_major, kMaxDeviceMajor, "device number"));
    ASSIGN_OR_RETURN(entry_.dev_minor, checked(header.dev_minor, kMaxDeviceMinor, "device number"));
  }
  // The others have no content, whatever they say: writers disagree about the size of a link.
  if (entry_.type != TarEntry::Type::kFile) return {};
  if (!pax.size && header.size < 0) return malformed_archive("the size is negative");
  entry_.size = pax.size.value_or(static_cast<std::uint64_t>(header.size));
  content_left_ = entry_.size;
  padding_ = padding_of(entry_.size);
  return {};
}

Result<const TarEntry*> TarReader::next() {
  RETURN_IF_ERROR(skip_entry());
  while (!ended_) {
    ASSIGN_OR_RETURN(const std::optional<TarHeader> header, read_header());
    if (!header) {
      ended_ = true;
      if (pax_ || long_name_ || long_link_) return malformed_archive("an extension header without its entry");
      break;
    }
    ASSIGN_OR_RETURN(const bool absorbed, absorb_extension(*header));
    if (absorbed) continue;
    RETURN_IF_ERROR(make_entry(*header));
    return &entry_;
  }
  return static_cast<const TarEntry*>(nullptr);
}

Result<std::span<const std::byte>> TarReader::content() {
  if (content_left_ == 0) return std::span<const std::byte>();
  ASSIGN_OR_RETURN(const std::span<const std::byte> now,
                   take(static_cast<std::size_t>(std::min<std::uint64_t>(content_left_, SIZE_MAX))));
  if (now.empty()) return truncated();
  content_left_ -= now.size();
  return now;
}

}  // namespace berth::image
