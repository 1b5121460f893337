// SPDX-License-Identifier: Apache-2.0
#include "daemon/streaming/websocket.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/cat.hpp"
#include "daemon/streaming/big_endian.hpp"

namespace berth::daemon::streaming {
namespace {

constexpr std::size_t kMaskSize = 4;
constexpr std::size_t kMaxControlPayload = 125;

enum Opcode : std::uint8_t {
  kOpContinuation = 0,
  kOpText = 1,
  kOpBinary = 2,
  kOpClose = 8,
  kOpPing = 9,
  kOpPong = 10
};

Error violated(std::string why) {
  return {Code::kInvalidArgument, "WebSocket: " + std::move(why)};
}

/// Bytes of the header, as far as the first two tell.
std::size_t header_size(std::string_view header) {
  if (header.size() < 2) return 2;
  const int length = header[1] & 0x7f;
  return 2 + (length == 126 ? 2U : length == 127 ? 8U : 0U) + kMaskSize;
}

/// `at` is the position of the first byte within the frame.
void unmask(char* bytes, std::size_t size, const char* mask, std::size_t at) {
  char turned[8];
  for (std::size_t i = 0; i < sizeof turned; ++i) turned[i] = mask[(at + i) % kMaskSize];
  std::uint64_t key = 0;
  std::memcpy(&key, turned, sizeof key);
  std::size_t i = 0;
  for (; i + sizeof key <= size; i += sizeof key) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes + i, sizeof word);
    word ^= key;
    std::memcpy(bytes + i, &word, sizeof word);
  }
  for (; i < size; ++i) bytes[i] = static_cast<char>(bytes[i] ^ mask[(at + i) % kMaskSize]);
}

}  // namespace

Result<void> WebSocketDecoder::feed(std::span<char> bytes, Events& events) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (in_payload_) {
      const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - at));
      RETURN_IF_ERROR(take_payload(bytes.data() + at, part, events));
      at += part;
      continue;
    }
    const std::size_t part = std::min(bytes.size() - at, header_size(header_) - header_.size());
    header_.append(bytes.data() + at, part);
    at += part;
    if (header_.size() == 2) RETURN_IF_ERROR(check_frame());
    if (header_.size() == header_size(header_)) RETURN_IF_ERROR(begin_frame(events));
  }
  return {};
}

/// What the first two bytes say must make sense here.
Result<void> WebSocketDecoder::check_frame() {
  const auto first = static_cast<unsigned char>(header_[0]);
  const auto opcode = first & 0xf;
  if ((first & 0x70) != 0) return violated("an extension that was not agreed upon");
  if ((header_[1] & '\x80') == 0) return violated("a client's frame that is not masked");
  if (is_control()) {
    if (opcode > kOpPong) return violated(cat("opcode ", opcode));
    const bool fin = (first & 0x80) != 0;
    const auto length = static_cast<std::size_t>(header_[1] & 0x7f);
    if (!fin || length > kMaxControlPayload) return violated("a control frame that is cut up or too long");
    return {};
  }
  if (opcode > kOpBinary) return violated(cat("opcode ", opcode));
  if ((opcode == kOpContinuation) != in_message_)
    return violated(in_message_ ? "a message within another" : "the continuation of nothing");
  return {};
}

Result<void> WebSocketDecoder::begin_frame(Events& events) {
  const int length = header_[1] & 0x7f;
  left_ = static_cast<std::uint64_t>(length);
  if (length == 126) left_ = get_big_endian<2>(header_.data() + 2);
  if (length == 127) left_ = get_big_endian<8>(header_.data() + 2);
  if (left_ >> 63 != 0) return violated("a frame of more than 2^63 bytes");
  mask_at_ = 0;
  first_part_ = (header_[0] & 0xf) != kOpContinuation;
  control_.clear();
  in_payload_ = true;
  return left_ == 0 ? take_payload(nullptr, 0, events) : Result<void>();
}

Result<void> WebSocketDecoder::take_payload(char* bytes, std::size_t size, Events& events) {
  unmask(bytes, size, header_.data() + header_.size() - kMaskSize, mask_at_);
  mask_at_ += size;
  left_ -= size;
  in_payload_ = left_ > 0;
  const std::string_view part(bytes, size);
  if (is_control()) {
    control_.append(part);
    if (in_payload_) return {};
    auto done = control_frame(events);
    header_.clear();
    return done;
  }
  const bool fin = (header_[0] & '\x80') != 0;
  const bool first = std::exchange(first_part_, false);
  in_message_ = !fin || in_payload_;
  if (!in_payload_) header_.clear();
  return events.message(part, first, !in_message_);
}

Result<void> WebSocketDecoder::control_frame(Events& events) {
  switch (header_[0] & 0xf) {
    case kOpClose:
      if (control_.size() == 1) return violated("half a close code");
      return events.close();
    case kOpPing:
      return events.ping(control_);
    default:
      return {};
  }
}

std::string websocket_header(WebSocketFrame type, std::size_t size) {
  std::string header(1, static_cast<char>(0x80 | static_cast<unsigned>(type)));
  if (size <= kMaxControlPayload) {
    header += static_cast<char>(size);
  } else if (size <= 0xffff) {
    header += static_cast<char>(126);
    put_big_endian<2>(header, size);
  } else {
    header += static_cast<char>(127);
    put_big_endian<8>(header, size);
  }
  return header;
}

std::string websocket_close(std::uint16_t code, std::string_view reason) {
  std::string payload;
  put_big_endian<2>(payload, code);
  payload += reason.substr(0, kMaxControlPayload - 2);
  return websocket_header(WebSocketFrame::kClose, payload.size()) + payload;
}

}  // namespace berth::daemon::streaming
