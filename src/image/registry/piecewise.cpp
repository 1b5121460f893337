// SPDX-License-Identifier: Apache-2.0
#include "image/registry/piecewise.hpp"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace berth::image {
namespace {

/// Shared with the lane's tasks, which may begin after the reader has gone.
struct Pieces {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::stop_source stop;
  std::map<std::uint64_t, Result<std::string>> done;  // by first byte
  std::size_t running = 0;
  bool closed = false;
};

bool post(Lane& lane, const std::shared_ptr<Pieces>& pieces, const FetchPiece& fetch, std::uint64_t first,
          std::uint64_t length) {
  return lane.try_post([pieces, &fetch, first, length] {
    {
      std::lock_guard lock(pieces->mutex);
      if (pieces->closed) return;
      ++pieces->running;
    }
    auto piece = fetch(first, length, pieces->stop.get_token());
    std::lock_guard lock(pieces->mutex);
    --pieces->running;
    pieces->done.emplace(first, std::move(piece));
    pieces->changed.notify_all();
  });
}

Result<std::string> wait_for(Pieces& pieces, std::uint64_t first, const std::stop_token& cancel) {
  std::unique_lock lock(pieces.mutex);
  if (!pieces.changed.wait(lock, cancel, [&] { return pieces.done.contains(first); }))
    return Error(Code::kCancelled, "the caller has gone");
  auto piece = std::move(pieces.done.extract(first).mapped());
  return piece;
}

/// Ends what has begun; what has not will not.
struct Closing {
  Pieces& pieces;
  ~Closing() {
    pieces.stop.request_stop();
    std::unique_lock lock(pieces.mutex);
    pieces.closed = true;
    pieces.changed.wait(lock, [&] { return pieces.running == 0; });
  }
};

}  // namespace

Result<void> read_piecewise(const RangePolicy& policy, std::uint64_t first, std::uint64_t end,
                            const FetchPiece& fetch, const TakePiece& take, std::stop_token cancel) {
  const auto pieces = std::make_shared<Pieces>();
  const Closing closing{*pieces};
  std::uint64_t asked = first;
  while (first < end) {
    while (asked < end && asked < first + policy.at_once * policy.piece) {
      const std::uint64_t length = std::min(policy.piece, end - asked);
      if (!post(*policy.lane, pieces, fetch, asked, length))
        return Error(Code::kResourceExhausted, "too many pieces of blobs are waiting");
      asked += length;
    }
    ASSIGN_OR_RETURN(const std::string piece, wait_for(*pieces, first, cancel));
    RETURN_IF_ERROR(take(piece));
    first += piece.size();
  }
  return {};
}

}  // namespace berth::image
