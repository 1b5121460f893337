// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "image/byte_source.hpp"

namespace berth::image {

/// Reads `from` in a thread of its own, a few buffers ahead of whoever reads here: one inflates while the
/// other writes. The thread has `from` to itself until next() has said that it is at the end, or failed.
class ReadAhead final : public ByteSource {
 public:
  explicit ReadAhead(ByteSource& from);
  /// Waits for what `from` is doing.
  ~ReadAhead() override;
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  Result<std::span<const std::byte>> next() override;

 private:
  /// One piece, or how it ended: no bytes, or an error.
  using Piece = Result<std::vector<std::byte>>;

  void run(const std::stop_token& stop);
  bool put(const Result<std::span<const std::byte>>& data, const std::stop_token& stop);

  ByteSource& from_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<Piece> ring_;
  std::size_t written_ = 0, read_ = 0;  // pieces so far
  bool holding_ = false;                // the reader still has the piece at read_
  bool ended_ = false;                  // and that is the last one
  std::jthread thread_;                 // last: it uses the others
};

}  // namespace berth::image
