// SPDX-License-Identifier: Apache-2.0
#include "base/cat.hpp"
#include "daemon/streaming/remote_channels.hpp"
#include "daemon/streaming/websocket_channels.hpp"

namespace berth::daemon::streaming {
namespace {

std::uint8_t number_of(Channel channel) {
  return static_cast<std::uint8_t>(channel);
}

class WebSocketRemoteChannels final : public RemoteChannels, private WebSocketChannels::Handler {
 public:
  WebSocketRemoteChannels(int version, bool base64, WantedChannels wanted, ChannelEvents& events,
                          OutQueue& out)
      : has_status_(version >= 4),
        wanted_(wanted),
        events_(events),
        channels_({base64, version >= 5}, *this, out) {
    // Clients wait for a first message to know that the session stands.
    const Channel first = wanted.out ? Channel::kStdout : wanted.err ? Channel::kStderr : Channel::kError;
    channels_.send(number_of(first), {});
  }

  Result<void> feed(std::span<char> bytes) override { return channels_.feed(bytes); }
  bool complete() const override { return true; }
  void send(Channel channel, std::string_view bytes) override {
    if ((channel == Channel::kStdout && !wanted_.out) || (channel == Channel::kStderr && !wanted_.err))
      return;
    channels_.send(number_of(channel), bytes);
  }
  void end(Channel) override {}  // there is no such word: the goodbye ends them all
  void finish(const std::string& status_json, const std::string& text) override {
    const std::string& said = has_status_ ? status_json : text;
    if (!said.empty()) send(Channel::kError, said);
    channels_.say_goodbye();
  }
  void say_why(const Error& error) override { channels_.say_why(error); }

 private:
  Result<void> data(std::uint8_t channel, std::string_view bytes) override {
    if (channel > number_of(Channel::kResize))
      return Error(Code::kInvalidArgument, cat("WebSocket: a message on channel ", int{channel}));
    if (channel == number_of(Channel::kStdin) && wanted_.in) events_.stdin_bytes(bytes);
    if (channel == number_of(Channel::kResize) && wanted_.terminal) resize_.feed(bytes, events_);
    return {};
  }
  void ended(std::uint8_t channel) override {
    if (channel == number_of(Channel::kStdin) && wanted_.in) events_.stdin_ended();
  }
  void goodbye() override { events_.goodbye(); }

  bool has_status_;
  WantedChannels wanted_;
  ChannelEvents& events_;
  WebSocketChannels channels_;
  ResizeReader resize_;
};

}  // namespace

std::unique_ptr<RemoteChannels> websocket_remote_channels(int version, bool base64, WantedChannels wanted,
                                                          ChannelEvents& events, OutQueue& out) {
  return std::make_unique<WebSocketRemoteChannels>(version, base64, wanted, events, out);
}

}  // namespace berth::daemon::streaming
