// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "daemon/streaming/out_queue.hpp"
#include "daemon/streaming/websocket.hpp"

namespace berth::daemon::streaming {

/// Kubernetes' channels over one WebSocket: the first byte of a message is its channel, the rest is
/// the channel's bytes; in the base64 forms messages are text, a digit and base64.
class WebSocketChannels : private WebSocketDecoder::Events {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual Result<void> data(std::uint8_t channel, std::string_view bytes) = 0;
    /// v5 alone: the client sends no more on it.
    virtual void ended(std::uint8_t channel) = 0;
    virtual void goodbye() = 0;  ///< a close frame came
  };
  struct Form {
    bool base64 = false;
    bool close_signal = false;  ///< v5: a message on channel 255 names a channel that has ended
  };
  static constexpr std::size_t kMaxText = 1 << 20;  ///< of a base64 message: it is decoded as a whole

  WebSocketChannels(Form form, Handler& handler, OutQueue& out) : form_(form), handler_(handler), out_(out) {}

  Result<void> feed(std::span<char> bytes) { return decoder_.feed(bytes, *this); }
  void send(std::uint8_t channel, std::string_view bytes);
  void say_goodbye();
  /// After an error of feed().
  void say_why(const Error& error);

 private:
  static constexpr std::uint8_t kCloseChannel = 255;
  Result<void> message(std::string_view part, bool first, bool last) override;
  Result<void> text(std::string_view part, bool first, bool last);
  Result<void> deliver(std::string_view part);
  Result<void> ping(std::string_view payload) override;
  Result<void> close() override;

  Form form_;
  Handler& handler_;
  OutQueue& out_;
  WebSocketDecoder decoder_;
  bool channel_known_ = false;
  std::uint8_t channel_ = 0;  // of the message being read
  std::string text_;
};

}  // namespace berth::daemon::streaming
