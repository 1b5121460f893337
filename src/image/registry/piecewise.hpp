// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "base/lane.hpp"
#include "base/result.hpp"

namespace berth::image {

/// When one connection is the slow part of a blob's way, the rest comes by several, piece by piece.
struct RangePolicy {
  Lane* lane = nullptr;            ///< where pieces are fetched; null: always one connection
  std::uint64_t piece = 4U << 20;  ///< bytes
  std::size_t at_once = 3;         ///< each is in memory until its turn
  /// So long bytes were waited for, longer than their reader took, before there is more than one.
  std::chrono::milliseconds patience{1000};
};

/// The bytes [first, first + length), no fewer.
using FetchPiece =
    std::function<Result<std::string>(std::uint64_t first, std::uint64_t length, std::stop_token)>;
using TakePiece = std::function<Result<void>(std::string_view)>;

/// Hands the bytes [first, end) to `take`, in order, on this thread. The first error of either ends it;
/// when it returns, no fetch runs any more.
Result<void> read_piecewise(const RangePolicy& policy, std::uint64_t first, std::uint64_t end,
                            const FetchPiece& fetch, const TakePiece& take, std::stop_token cancel);

}  // namespace berth::image
