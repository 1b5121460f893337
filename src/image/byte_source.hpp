// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/digest.hpp"
#include "base/result.hpp"

namespace berth::image {

/// What is read, inflated or copied at a time.
inline constexpr std::size_t kStreamBuffer = 256UL * 1024;

/// Bytes that are pulled, piece by piece, by whoever stands further down: file descriptor, inflate,
/// hash, tar. Single-threaded.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// The next bytes, valid until the next call; empty at the end, and then for ever.
  virtual Result<std::span<const std::byte>> next() = 0;
};

/// A descriptor that the caller keeps open. Blocks in read(2).
class FdSource final : public ByteSource {
 public:
  explicit FdSource(int fd);
  Result<std::span<const std::byte>> next() override;

 private:
  int fd_;
  std::vector<std::byte> buffer_;
};

/// A borrowed buffer in pieces of at most `piece` bytes.
class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::string_view data, std::size_t piece = SIZE_MAX) : data_(data), piece_(piece) {}
  Result<std::span<const std::byte>> next() override;

 private:
  std::string_view data_;
  std::size_t piece_;
};

/// Passes bytes on, hashes and counts them; more than `limit` is kResourceExhausted.
class HashingSource final : public ByteSource {
 public:
  HashingSource(ByteSource& from, std::uint64_t limit) : from_(from), limit_(limit) {}
  Result<std::span<const std::byte>> next() override;
  /// Reads to the end, then the digest of everything that passed. Once.
  Result<Digest> finish();

 private:
  ByteSource& from_;
  std::uint64_t limit_;
  std::uint64_t total_ = 0;
  Hasher hasher_;
};

}  // namespace berth::image
