// SPDX-License-Identifier: Apache-2.0
#include "image/read_ahead.hpp"

namespace berth::image {

ReadAhead::ReadAhead(ByteSource& from)
    : from_(from),
      ring_(4, Piece(std::vector<std::byte>())),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

ReadAhead::~ReadAhead() = default;

void ReadAhead::run(const std::stop_token& stop) {
  while (true) {
    const auto data = from_.next();
    if (!put(data, stop) || !data || data->empty()) return;
  }
}

/// False when nobody reads any more.
bool ReadAhead::put(const Result<std::span<const std::byte>>& data, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait(lock, stop, [this] { return written_ - read_ < ring_.size(); })) return false;
  Piece& slot = ring_[written_ % ring_.size()];
  lock.unlock();  // the slot is ours until it counts as written
  if (!data) {
    slot = data.error();
  } else if (slot) {
    slot->assign(data->begin(), data->end());
  }
  lock.lock();
  ++written_;
  changed_.notify_all();
  return true;
}

Result<std::span<const std::byte>> ReadAhead::next() {
  std::unique_lock lock(mutex_);
  if (holding_ && !ended_) {
    ++read_;
    changed_.notify_all();
  }
  changed_.wait(lock, [this] { return written_ > read_; });
  const Piece& piece = ring_[read_ % ring_.size()];
  holding_ = true;
  ended_ = !piece || piece->empty();
  if (!piece) return piece.error();
  return std::span<const std::byte>(*piece);
}

}  // namespace berth::image
