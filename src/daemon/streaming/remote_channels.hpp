// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "daemon/streaming/out_queue.hpp"

namespace berth::daemon::streaming {

/// The numbers are those of the WebSocket protocols.
enum class Channel : std::uint8_t { kStdin = 0, kStdout = 1, kStderr = 2, kError = 3, kResize = 4 };

/// What the request for an exec or attach asked for.
struct WantedChannels {
  bool in = false, out = false, err = false, terminal = false;
};

/// What a client says on the channels of an exec or attach.
class ChannelEvents {
 public:
  virtual ~ChannelEvents() = default;
  virtual void stdin_bytes(std::string_view bytes) = 0;
  virtual void stdin_ended() = 0;
  virtual void resized(std::uint16_t columns, std::uint16_t rows) = 0;
  /// The client has said goodbye: as if it had closed the connection.
  virtual void goodbye() = 0;
};

/// The remotecommand protocols, whatever they are carried by.
class RemoteChannels {
 public:
  virtual ~RemoteChannels() = default;
  /// Any piece of what the client sends (it may be changed). An error is the end of the session.
  virtual Result<void> feed(std::span<char> bytes) = 0;
  /// Every channel that the request needs is there.
  virtual bool complete() const = 0;
  virtual void send(Channel channel, std::string_view bytes) = 0;
  virtual void end(Channel channel) = 0;
  /// How the command ended, in the form of the protocol's version; then the protocol's goodbye.
  virtual void finish(const std::string& status_json, const std::string& text) = 0;
  /// After an error of feed(): tells the client which rule it broke, if the protocol can.
  virtual void say_why(const Error& error) = 0;
};

/// `version` 1 to 4; 5 is for WebSocket alone. `events` and `out` outlive the result.
std::unique_ptr<RemoteChannels> spdy_channels(int version, WantedChannels wanted, ChannelEvents& events,
                                              OutQueue& out);
std::unique_ptr<RemoteChannels> websocket_remote_channels(int version, bool base64, WantedChannels wanted,
                                                          ChannelEvents& events, OutQueue& out);

/// The bytes of the resize channel: JSON objects {"Width": columns, "Height": rows}, one after the
/// other. What is not one, and sizes with a zero in them, are ignored.
class ResizeReader {
 public:
  void feed(std::string_view bytes, ChannelEvents& events);

 private:
  std::string text_;
};

}  // namespace berth::daemon::streaming
