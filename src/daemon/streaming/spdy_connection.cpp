// SPDX-License-Identifier: Apache-2.0
#include "daemon/streaming/spdy_connection.hpp"

#include <algorithm>

#include "base/cat.hpp"

namespace berth::daemon::streaming {
namespace {

constexpr std::int64_t kMaxWindow = 0x7fffffff;
constexpr std::size_t kMaxFrame = (1 << 24) - 1;

Error broken(std::string why) {
  return {Code::kInvalidArgument, "SPDY: " + std::move(why)};
}

}  // namespace

Result<void> SpdyConnection::feed(std::string_view bytes) {
  return decoder_.feed(bytes, *this);
}

void SpdyConnection::send(std::uint32_t stream, std::string_view bytes) {
  const auto found = streams_.find(stream);
  if (found == streams_.end() || found->second.ended_by_us) return;
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, kMaxFrame);
    bytes.remove_prefix(part.size());
    out_.add(SpdyEncoder::data_header(stream, part.size()));
    out_.add(part);
    const auto size = static_cast<std::int64_t>(part.size());
    found->second.window -= size;
    window_ -= size;
  }
}

void SpdyConnection::end(std::uint32_t stream) {
  const auto found = streams_.find(stream);
  if (found == streams_.end() || found->second.ended_by_us) return;
  out_.add(SpdyEncoder::data_header(stream, 0, true));
  found->second.ended_by_us = true;
  if (found->second.ended_by_client) streams_.erase(found);
}

void SpdyConnection::reset(std::uint32_t stream, SpdyReset why) {
  if (streams_.erase(stream) == 0) return;
  out_.add(SpdyEncoder::rst_stream(stream, why));
}

void SpdyConnection::say_goodbye() {
  out_.add(SpdyEncoder::go_away(last_stream_, 0));
}

Result<void> SpdyConnection::syn_stream(std::uint32_t stream, bool fin, const SpdyHeaders& headers) {
  if (stream % 2 == 0 || stream <= last_stream_)
    return broken(cat("stream ", stream, " opened after stream ", last_stream_));
  last_stream_ = stream;
  if (streams_.size() >= kMaxStreams) {
    out_.add(SpdyEncoder::rst_stream(stream, SpdyReset::kRefusedStream));
    return {};
  }
  streams_.emplace(stream, Stream());
  if (const auto refused = handler_.opened(stream, headers)) {
    reset(stream, *refused);
    return {};
  }
  out_.add(encoder_.syn_reply(stream));
  if (fin) end_of_client(stream);
  return {};
}

Result<void> SpdyConnection::data(std::uint32_t stream, std::string_view bytes, bool fin) {
  const auto found = streams_.find(stream);
  if (found == streams_.end() || found->second.ended_by_client) {
    if (stream > last_stream_) return broken(cat("data of stream ", stream, ", which was never opened"));
    // Of a stream that was reset: what the client had sent before it knew.
    return {};
  }
  if (!bytes.empty()) handler_.data(stream, bytes);
  if (fin) end_of_client(stream);
  return {};
}

Result<void> SpdyConnection::headers(std::uint32_t stream, bool fin) {
  if (fin) end_of_client(stream);
  return {};
}

Result<void> SpdyConnection::rst_stream(std::uint32_t stream, std::uint32_t) {
  if (streams_.erase(stream) > 0) handler_.was_reset(stream);
  return {};
}

Result<void> SpdyConnection::ping(std::uint32_t id) {
  if (id % 2 == 1) out_.add(SpdyEncoder::ping(id));  // even ones answer ours, and we send none
  return {};
}

/// The end of the connection follows, and that is what counts.
Result<void> SpdyConnection::go_away() {
  return {};
}

Result<void> SpdyConnection::window_update(std::uint32_t stream, std::uint32_t delta) {
  if (stream == 0) {
    window_ += delta;
    return window_ > kMaxWindow ? broken("the session's window overflows") : Result<void>();
  }
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return {};  // it may have ended meanwhile
  found->second.window += delta;
  if (found->second.window > kMaxWindow) return broken(cat("the window of stream ", stream, " overflows"));
  return {};
}

void SpdyConnection::end_of_client(std::uint32_t stream) {
  const auto found = streams_.find(stream);
  if (found == streams_.end() || found->second.ended_by_client) return;
  found->second.ended_by_client = true;
  if (found->second.ended_by_us) streams_.erase(found);
  handler_.ended(stream);
}

}  // namespace berth::daemon::streaming
