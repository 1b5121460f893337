// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.hpp"
#include "image/byte_source.hpp"
#include "image/tar_entry.hpp"
#include "image/tar_header.hpp"
#include "image/tar_pax.hpp"

namespace berth::image {

/// Reads a tar archive front to back: v7, ustar, pax, GNU long names and base-256 numbers. Bounded
/// memory whatever the archive claims (extension headers 1 MiB each). Sparse files and the exotic
/// entry types are refused. How deep a path goes, or where, is not its business.
class TarReader {
 public:
  explicit TarReader(ByteSource& from) : from_(from) {}

  /// The next entry, valid until the next call; null at the end of the archive, be that two blocks
  /// of zeros or the end of the bytes between two entries. Skips content that was not read.
  Result<const TarEntry*> next();
  /// The next piece of the current file's content; empty at its end.
  Result<std::span<const std::byte>> content();

 private:
  Result<std::optional<TarHeader>> read_header();
  Result<std::string> read_extension(const TarHeader& header);
  /// True when the header only prepares for the next one.
  Result<bool> absorb_extension(const TarHeader& header);
  Result<void> make_entry(const TarHeader& header);
  Result<std::span<const std::byte>> take(std::size_t at_most);
  Result<bool> fill(std::span<std::byte> block);
  Result<void> skip(std::uint64_t count);
  Result<void> skip_entry();

  ByteSource& from_;
  std::span<const std::byte> piece_;
  TarEntry entry_;
  std::optional<PaxFields> pax_;
  std::optional<std::string> long_name_, long_link_;
  std::uint64_t content_left_ = 0;
  std::size_t padding_ = 0;
  bool ended_ = false;
};

}  // namespace berth::image
