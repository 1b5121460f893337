// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "daemon/streaming/remote_channels.hpp"
#include "daemon/streaming/spdy_connection.hpp"

namespace berth::daemon::streaming {
namespace {

constexpr std::array<std::string_view, 5> kTypes = {"stdin", "stdout", "stderr", "error", "resize"};

std::size_t index_of(Channel channel) {
  return static_cast<std::size_t>(channel);
}

class SpdyChannels final : public RemoteChannels, private SpdyConnection::Handler {
 public:
  SpdyChannels(int version, WantedChannels wanted, ChannelEvents& events, OutQueue& out)
      : has_status_(version >= 4), events_(events), connection_(*this, out) {
    wanted_[index_of(Channel::kStdin)] = wanted.in;
    wanted_[index_of(Channel::kStdout)] = wanted.out;
    wanted_[index_of(Channel::kStderr)] = wanted.err;
    wanted_[index_of(Channel::kError)] = true;
    wanted_[index_of(Channel::kResize)] = wanted.terminal && version >= 3;
  }

  Result<void> feed(std::span<char> bytes) override { return connection_.feed({bytes.data(), bytes.size()}); }
  bool complete() const override {
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      if (wanted_[i] && streams_[i] == 0) return false;
    }
    return true;
  }
  void send(Channel channel, std::string_view bytes) override {
    connection_.send(streams_[index_of(channel)], bytes);
  }
  void end(Channel channel) override { connection_.end(streams_[index_of(channel)]); }
  void finish(const std::string& status_json, const std::string& text) override {
    end(Channel::kStdout);
    end(Channel::kStderr);
    send(Channel::kError, has_status_ ? status_json : text);
    end(Channel::kError);
    connection_.say_goodbye();
  }
  void say_why(const Error&) override { connection_.say_goodbye(); }

 private:
  std::optional<SpdyReset> opened(std::uint32_t stream, const SpdyHeaders& headers) override {
    const std::string_view type = find_header(headers, "streamtype");
    for (std::size_t i = 0; i < kTypes.size(); ++i) {
      if (type != kTypes[i]) continue;
      if (!wanted_[i] || streams_[i] != 0) return SpdyReset::kRefusedStream;
      streams_[i] = stream;
      return std::nullopt;
    }
    return SpdyReset::kRefusedStream;
  }
  bool is(Channel channel, std::uint32_t stream) const { return streams_[index_of(channel)] == stream; }
  void data(std::uint32_t stream, std::string_view bytes) override {
    if (is(Channel::kStdin, stream)) events_.stdin_bytes(bytes);
    if (is(Channel::kResize, stream)) resize_.feed(bytes, events_);
  }
  void ended(std::uint32_t stream) override {
    if (is(Channel::kStdin, stream)) events_.stdin_ended();
  }
  void was_reset(std::uint32_t stream) override { ended(stream); }

  bool has_status_;
  ChannelEvents& events_;
  SpdyConnection connection_;
  std::array<bool, kTypes.size()> wanted_{};
  std::array<std::uint32_t, kTypes.size()> streams_{};  // 0: not opened yet
  ResizeReader resize_;
};

}  // namespace

std::unique_ptr<RemoteChannels> spdy_channels(int version, WantedChannels wanted, ChannelEvents& events,
                                              OutQueue& out) {
  return std::make_unique<SpdyChannels>(version, wanted, events, out);
}

}  // namespace berth::daemon::streaming
