// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::image {

inline constexpr std::size_t kTarBlock = 512;

/// One 512-byte header block as it stands: v7, ustar or GNU. Extension entries are the reader's
/// business.
struct TarHeader {
  char type = '0';
  std::string name;  ///< ustar's prefix joined
  std::string link;
  std::int64_t mode = 0, uid = 0, gid = 0, size = 0, mtime = 0, dev_major = 0, dev_minor = 0;
};

/// Null for a block of zeros. kInvalidArgument: wrong checksum, or a field that is no number.
Result<std::optional<TarHeader>> parse_tar_header(std::span<const std::byte, kTarBlock> block);

/// Octal with blanks or NULs around it, or GNU's base-256; empty is 0. Nothing when malformed.
std::optional<std::int64_t> parse_tar_number(std::string_view field);

}  // namespace berth::image
