// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth::daemon::streaming {

/// A server's side of RFC 6455 framing. Pure: bytes in, events out, and the other way round.
class WebSocketDecoder {
 public:
  class Events {
   public:
    virtual ~Events() = default;
    /// A part of a message's payload as it comes in. `first` and `last` of the message; a message
    /// without payload is one empty part.
    virtual Result<void> message(std::string_view part, bool first, bool last) = 0;
    virtual Result<void> ping(std::string_view payload) = 0;
    virtual Result<void> close() = 0;
  };

  /// Any piece of what the client sends; it is unmasked in place. An error is the end of the
  /// connection, and error_code() says with which code.
  Result<void> feed(std::span<char> bytes, Events& events);
  std::uint16_t error_code() const { return error_code_; }

 private:
  Result<void> begin_frame(Events& events);
  Result<void> check_frame();
  Result<void> take_payload(char* bytes, std::size_t size, Events& events);
  Result<void> control_frame(Events& events);
  bool is_control() const { return (header_[0] & '\x08') != 0; }

  std::string header_;   // of the frame being read: 6, 8 or 14 bytes
  std::string control_;  // payload of a control frame, until it is whole
  std::uint64_t left_ = 0;
  std::size_t mask_at_ = 0;
  bool in_payload_ = false;
  bool first_part_ = false;
  bool in_message_ = false;  // between fragments
  std::uint16_t error_code_ = kProtocolError;

 public:
  static constexpr std::uint16_t kNormalClosure = 1000;
  static constexpr std::uint16_t kProtocolError = 1002;
};

enum class WebSocketFrame : std::uint8_t { kText = 1, kBinary = 2, kClose = 8, kPong = 10 };

/// What goes before `size` bytes of payload. Frames are whole messages.
std::string websocket_header(WebSocketFrame type, std::size_t size);
std::string websocket_close(std::uint16_t code, std::string_view reason = "");

}  // namespace berth::daemon::streaming
