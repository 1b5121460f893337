// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "base/cat.hpp"
#include "daemon/streaming/port_channels.hpp"
#include "daemon/streaming/websocket_channels.hpp"

namespace berth::daemon::streaming {
namespace {

/// Channel 2n is the data of the n-th port, 2n + 1 its errors; both begin with the port.
class WebSocketPorts final : public PortChannels, private WebSocketChannels::Handler {
 public:
  static constexpr std::size_t kMaxPorts = 127;
  WebSocketPorts(bool base64, const std::vector<std::uint16_t>& ports, PortEvents& events, OutQueue& out)
      : events_(events), channels_({base64, false}, *this, out) {
    for (std::uint32_t key = 0; key < ports.size() && key < kMaxPorts; ++key) {
      const char port[2] = {static_cast<char>(ports[key] & 0xff), static_cast<char>(ports[key] >> 8)};
      channels_.send(data_channel(key), {port, sizeof port});
      channels_.send(error_channel(key), {port, sizeof port});
      open_.insert(key);
    }
  }
  Result<void> feed(std::span<char> bytes) override { return channels_.feed(bytes); }
  void send(std::uint32_t key, std::string_view bytes) override { channels_.send(data_channel(key), bytes); }
  // One direction alone cannot be ended here.
  void end(std::uint32_t key) override { close(key); }
  void finished(std::uint32_t key) override { close(key); }
  void reset(std::uint32_t key) override { close(key); }
  void fail(std::uint32_t key, const std::string& why) override {
    channels_.send(error_channel(key), why);
    close(key);
  }
  void say_why(const Error& error) override { channels_.say_why(error); }
  bool is_over() const override { return open_.empty(); }

 private:
  static std::uint8_t data_channel(std::uint32_t key) { return static_cast<std::uint8_t>(key * 2); }
  static std::uint8_t error_channel(std::uint32_t key) { return static_cast<std::uint8_t>(key * 2 + 1); }
  void close(std::uint32_t key) {
    if (open_.erase(key) > 0 && open_.empty()) channels_.say_goodbye();
  }
  Result<void> data(std::uint8_t channel, std::string_view bytes) override {
    const std::uint32_t key = channel / 2U;
    if (channel % 2 == 0 && open_.contains(key)) events_.data(key, bytes);
    return {};
  }
  void ended(std::uint8_t) override {}
  void goodbye() override { events_.goodbye(); }

  PortEvents& events_;
  WebSocketChannels channels_;
  std::set<std::uint32_t> open_;
};

/// SPDY's bytes are the payload of binary messages.
class TunnelledPorts final : public PortChannels, private WebSocketDecoder::Events {
 public:
  TunnelledPorts(PortEvents& events, OutQueue& out)
      : events_(events), out_(out), ports_(spdy_ports(events, inner_)) {}
  Result<void> feed(std::span<char> bytes) override {
    auto fed = decoder_.feed(bytes, *this);
    wrap();
    return fed;
  }
  void send(std::uint32_t key, std::string_view bytes) override {
    ports_->send(key, bytes);
    wrap();
  }
  void end(std::uint32_t key) override {
    ports_->end(key);
    wrap();
  }
  void finished(std::uint32_t key) override {
    ports_->finished(key);
    wrap();
  }
  void reset(std::uint32_t key) override {
    ports_->reset(key);
    wrap();
  }
  void fail(std::uint32_t key, const std::string& why) override {
    ports_->fail(key, why);
    wrap();
  }
  void expire() override {
    ports_->expire();
    wrap();
  }
  void say_why(const Error& error) override {
    out_.add(websocket_close(decoder_.error_code(), error.to_string()));
  }

 private:
  void wrap() {
    if (inner_.empty()) return;
    out_.add(websocket_header(WebSocketFrame::kBinary, inner_.size()));
    out_.add(inner_.pending());
    inner_.sent(inner_.size());
  }
  Result<void> message(std::string_view part, bool, bool) override {
    std::string bytes(part);
    return ports_->feed(bytes);
  }
  Result<void> ping(std::string_view payload) override {
    out_.add(websocket_header(WebSocketFrame::kPong, payload.size()));
    out_.add(payload);
    return {};
  }
  Result<void> close() override {
    events_.goodbye();
    return {};
  }

  PortEvents& events_;
  OutQueue& out_;
  OutQueue inner_;
  std::unique_ptr<PortChannels> ports_;
  WebSocketDecoder decoder_;
};

}  // namespace

std::unique_ptr<PortChannels> tunnelled_ports(PortEvents& events, OutQueue& out) {
  return std::make_unique<TunnelledPorts>(events, out);
}

std::unique_ptr<PortChannels> websocket_ports(bool base64, const std::vector<std::uint16_t>& ports,
                                              PortEvents& events, OutQueue& out) {
  return std::make_unique<WebSocketPorts>(base64, ports, events, out);
}

}  // namespace berth::daemon::streaming
