// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "base/digest.hpp"
#include "base/result.hpp"
#include "image/manifest.hpp"
#include "image/registry/http.hpp"
#include "image/registry/piecewise.hpp"

namespace berth::image {

/// How much of a blob has gone to its reader, hashed on the way. Survives reconnects and the change
/// to another server: what follows is asked for by range.
struct BlobProgress {
  explicit BlobProgress(const Descriptor& descriptor) : hasher(descriptor.digest.algorithm()) {}
  Hasher hasher;
  std::uint64_t offset = 0;
};
using BlobReader = std::function<Result<void>(std::span<const std::byte>)>;

/// Feeds a blob to its reader from one response after the other, past what the reader has already,
/// and watches who waits for whom. What a response says it holds is checked before its first byte.
class BodyFeed {
 public:
  BodyFeed(const Descriptor& blob, BlobProgress& progress, const BlobReader& reader,
           const RangePolicy& ranges);

  /// Of a new response.
  void begin();
  Result<void> take(const HttpResponse& head, std::span<const std::byte> data);
  /// What is known to come next.
  Result<void> pass_on(std::span<const std::byte> data);

  bool reader_failed() const { return reader_failed_; }
  /// take() ended the response, so that the rest comes in pieces; only once.
  bool wants_pieces() const { return wants_pieces_; }

 private:
  using Clock = std::chrono::steady_clock;

  bool should_split(const HttpResponse& head) const;

  const Descriptor& blob_;
  BlobProgress& progress_;
  const BlobReader& reader_;
  const RangePolicy& ranges_;
  bool may_split_;
  std::uint64_t skip_ = 0;
  bool started_ = false;
  bool wants_pieces_ = false;
  bool reader_failed_ = false;
  Clock::time_point begun_;
  Clock::duration in_reader_{};
};

/// Whether the server is about to send exactly these bytes of the blob.
Result<void> check_piece(const HttpResponse& head, const Descriptor& blob, std::uint64_t first,
                         std::uint64_t length);

}  // namespace berth::image
