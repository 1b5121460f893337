// SPDX-License-Identifier: Apache-2.0
#include "daemon/streaming/websocket_channels.hpp"

#include "image/registry/base64.hpp"

namespace berth::daemon::streaming {

void WebSocketChannels::send(std::uint8_t channel, std::string_view bytes) {
  if (form_.base64) {
    const std::string encoded = image::encode_base64(bytes);
    out_.add(websocket_header(WebSocketFrame::kText, encoded.size() + 1));
    const char digit = static_cast<char>('0' + channel);
    out_.add({&digit, 1});
    out_.add(encoded);
    return;
  }
  out_.add(websocket_header(WebSocketFrame::kBinary, bytes.size() + 1));
  const char number = static_cast<char>(channel);
  out_.add({&number, 1});
  out_.add(bytes);
}

void WebSocketChannels::say_goodbye() {
  out_.add(websocket_close(WebSocketDecoder::kNormalClosure));
}

void WebSocketChannels::say_why(const Error& error) {
  out_.add(websocket_close(decoder_.error_code(), error.to_string()));
}

Result<void> WebSocketChannels::message(std::string_view part, bool first, bool last) {
  if (form_.base64) return text(part, first, last);
  if (first) channel_known_ = false;
  if (!channel_known_ && !part.empty()) {
    channel_ = static_cast<std::uint8_t>(part[0]);
    channel_known_ = true;
    part.remove_prefix(1);
  }
  return part.empty() ? Result<void>() : deliver(part);
}

Result<void> WebSocketChannels::text(std::string_view part, bool first, bool last) {
  if (first) text_.clear();
  if (text_.size() + part.size() > kMaxText)
    return Error(Code::kInvalidArgument, "WebSocket: a base64 message of more than 1 MiB");
  text_.append(part);
  if (!last || text_.empty()) return {};
  channel_ = static_cast<std::uint8_t>(text_[0] - '0');
  ASSIGN_OR_RETURN(const std::string bytes, image::decode_base64(std::string_view(text_).substr(1)));
  return bytes.empty() ? Result<void>() : deliver(bytes);
}

Result<void> WebSocketChannels::deliver(std::string_view part) {
  if (!form_.close_signal || channel_ != kCloseChannel) return handler_.data(channel_, part);
  handler_.ended(static_cast<std::uint8_t>(part[0]));
  return {};
}

Result<void> WebSocketChannels::ping(std::string_view payload) {
  out_.add(websocket_header(WebSocketFrame::kPong, payload.size()));
  out_.add(payload);
  return {};
}

Result<void> WebSocketChannels::close() {
  handler_.goodbye();
  return {};
}

}  // namespace berth::daemon::streaming
