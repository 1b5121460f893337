// SPDX-License-Identifier: Apache-2.0
#include "daemon/streaming/spdy_frame.hpp"

#include <algorithm>

#include "base/cat.hpp"
#include "daemon/streaming/big_endian.hpp"

namespace berth::daemon::streaming {
namespace {

constexpr std::size_t kHeaderSize = 8;
constexpr std::uint16_t kVersion = 3;
constexpr std::uint32_t kStreamMask = 0x7fffffff;
constexpr std::uint8_t kFlagFin = 1;

enum Type : std::uint16_t {
  kSynStream = 1,
  kSynReply = 2,
  kRstStream = 3,
  kSettings = 4,
  kPing = 6,
  kGoAway = 7,
  kHeaders = 8,
  kWindowUpdate = 9,
};

Error bad_frame(std::string why) {
  return {Code::kInvalidArgument, "SPDY: " + std::move(why)};
}

bool is_control(std::string_view header) {
  return (header[0] & '\x80') != 0;
}

std::string control_frame_of(Type type, std::string_view payload, std::uint8_t flags = 0) {
  std::string frame;
  put_big_endian<2>(frame, 0x8000 | kVersion);
  put_big_endian<2>(frame, type);
  put32(frame, std::size_t{flags} << 24 | payload.size());
  return frame.append(payload);
}

}  // namespace

Result<void> SpdyDecoder::feed(std::string_view bytes, Events& events) {
  while (!bytes.empty()) {
    if (!in_payload_) {
      const std::size_t part = std::min(bytes.size(), kHeaderSize - header_.size());
      header_.append(bytes.substr(0, part));
      bytes.remove_prefix(part);
      if (header_.size() == kHeaderSize) RETURN_IF_ERROR(begin_frame(events));
      continue;
    }
    const std::string_view part = bytes.substr(0, left_);
    bytes.remove_prefix(part.size());
    left_ -= part.size();
    in_payload_ = left_ > 0;
    if (is_control(header_)) {
      control_.append(part);
      if (in_payload_) continue;
      RETURN_IF_ERROR(control_frame(events));
    } else {
      const bool fin = !in_payload_ && (header_[4] & kFlagFin) != 0;
      RETURN_IF_ERROR(events.data(get32(header_.data()), part, fin));
    }
    if (!in_payload_) header_.clear();
  }
  return {};
}

Result<void> SpdyDecoder::begin_frame(Events& events) {
  left_ = get_big_endian<3>(header_.data() + 5);
  control_.clear();
  in_payload_ = left_ > 0;
  if (!is_control(header_)) {
    if (get32(header_.data()) == 0) return bad_frame("data of stream 0");
    if (in_payload_) return {};
    const bool fin = (header_[4] & kFlagFin) != 0;
    const auto stream = get32(header_.data());
    header_.clear();
    return events.data(stream, {}, fin);
  }
  const auto version = get_big_endian<2>(header_.data()) & 0x7fff;
  if (version != kVersion) return bad_frame(cat("a frame of version ", version));
  if (left_ > kMaxControl) return bad_frame(cat("a control frame of ", left_, " bytes"));
  if (in_payload_) return {};
  RETURN_IF_ERROR(control_frame(events));
  header_.clear();
  return {};
}

Result<void> SpdyDecoder::control_frame(Events& events) {
  const auto type = static_cast<std::uint16_t>(get_big_endian<2>(header_.data() + 2));
  switch (type) {
    case kSynStream:
    case kHeaders:
    case kSynReply:
      return stream_frame(type, events);
    default:
      return session_frame(type, events);
  }
}

/// Those with a header block. Each must be inflated, or the next one could not be.
Result<void> SpdyDecoder::stream_frame(std::uint16_t type, Events& events) {
  const std::size_t fixed = type == kSynStream ? 10 : 4;
  if (control_.size() < fixed) return bad_frame(cat("a frame of type ", type, " is too short"));
  const std::uint32_t stream = get32(control_.data()) & kStreamMask;
  if (stream == 0) return bad_frame(cat("a frame of type ", type, " for stream 0"));
  ASSIGN_OR_RETURN(const SpdyHeaders headers, inflater_.block(std::string_view(control_).substr(fixed)));
  const bool fin = (header_[4] & kFlagFin) != 0;
  if (type == kSynStream) return events.syn_stream(stream, fin, headers);
  if (type == kHeaders) return events.headers(stream, fin);
  return bad_frame("a reply to a stream that was not opened");  // a server opens none
}

Result<void> SpdyDecoder::session_frame(std::uint16_t type, Events& events) {
  const bool has_two = type == kRstStream || type == kWindowUpdate || type == kGoAway;
  const std::size_t due = has_two ? 8 : type == kPing ? 4 : 0;
  if (due > 0 && control_.size() != due)
    return bad_frame(cat("a frame of type ", type, " with ", control_.size(), " bytes"));
  const std::uint32_t first = due > 0 ? get32(control_.data()) : 0;
  const std::uint32_t second = has_two ? get32(control_.data() + 4) : 0;
  switch (type) {
    case kRstStream:
      return events.rst_stream(first & kStreamMask, second);
    case kPing:
      return events.ping(first);
    case kGoAway:
      return events.go_away();
    case kWindowUpdate:
      return events.window_update(first & kStreamMask, second & kStreamMask);
    default:
      return {};  // SETTINGS, and types that are not known: to be ignored
  }
}

std::string SpdyEncoder::syn_reply(std::uint32_t stream, const SpdyHeaders& headers) {
  std::string payload;
  put32(payload, stream);
  return control_frame_of(kSynReply, payload + deflater_.block(headers));
}

std::string SpdyEncoder::data_header(std::uint32_t stream, std::size_t size, bool fin) {
  std::string header;
  put32(header, stream & kStreamMask);
  put32(header, std::size_t{fin ? kFlagFin : 0U} << 24 | size);
  return header;
}

std::string SpdyEncoder::rst_stream(std::uint32_t stream, SpdyReset status) {
  std::string payload;
  put32(payload, stream);
  put32(payload, static_cast<std::uint32_t>(status));
  return control_frame_of(kRstStream, payload);
}

std::string SpdyEncoder::ping(std::uint32_t id) {
  std::string payload;
  put32(payload, id);
  return control_frame_of(kPing, payload);
}

std::string SpdyEncoder::go_away(std::uint32_t last_good_stream, std::uint32_t status) {
  std::string payload;
  put32(payload, last_good_stream);
  put32(payload, status);
  return control_frame_of(kGoAway, payload);
}

}  // namespace berth::daemon::streaming
