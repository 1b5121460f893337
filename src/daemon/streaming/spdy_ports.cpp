// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <chrono>
#include <map>

#include "base/cat.hpp"
#include "daemon/streaming/port_channels.hpp"
#include "daemon/streaming/spdy_connection.hpp"

namespace berth::daemon::streaming {
namespace {

using std::chrono::steady_clock;
constexpr std::chrono::seconds kPairPatience{30};

std::uint16_t port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
  return failed == std::errc{} && end == text.data() + text.size() ? port : 0;
}

/// A connection is a data stream, by which it goes here, and an error stream; they belong together
/// by a header, or in clients from before there was one, by their order.
class SpdyPorts final : public PortChannels, private SpdyConnection::Handler {
 public:
  SpdyPorts(PortEvents& events, OutQueue& out) : events_(events), connection_(*this, out) {}

  Result<void> feed(std::span<char> bytes) override { return connection_.feed({bytes.data(), bytes.size()}); }
  void send(std::uint32_t key, std::string_view bytes) override { connection_.send(key, bytes); }
  void end(std::uint32_t key) override { connection_.end(key); }
  void finished(std::uint32_t key) override {
    connection_.end(key);
    end_errors(key);
  }
  void reset(std::uint32_t key) override {
    connection_.reset(key, SpdyReset::kCancel);
    end_errors(key);
  }
  void fail(std::uint32_t key, const std::string& why) override {
    const auto found = errors_.find(key);
    if (found != errors_.end()) connection_.send(found->second, why);
    end_errors(key);
    connection_.end(key);
    connection_.reset(key, SpdyReset::kCancel);
  }
  void expire() override {
    const auto now = steady_clock::now();
    for (auto half = halves_.begin(); half != halves_.end();) {
      const auto current = half++;
      if (current->second.until > now) continue;
      connection_.reset(current->second.error != 0 ? current->second.error : current->second.data,
                        SpdyReset::kCancel);
      halves_.erase(current);
    }
  }
  void say_why(const Error&) override { connection_.say_goodbye(); }

 private:
  struct Half {
    std::uint32_t data = 0, error = 0;
    steady_clock::time_point until;
  };

  std::optional<SpdyReset> opened(std::uint32_t stream, const SpdyHeaders& headers) override {
    const std::string_view type = find_header(headers, "streamtype");
    const std::uint16_t port = port_of(find_header(headers, "port"));
    const bool is_error = type == "error";
    if ((!is_error && type != "data") || port == 0) return SpdyReset::kRefusedStream;
    std::string request(find_header(headers, "requestid"));
    if (request.empty()) request = cat("stream ", is_error ? stream : stream - 2);
    const auto [found, added] = halves_.try_emplace(request);
    Half& half = found->second;
    if (added) half.until = steady_clock::now() + kPairPatience;
    std::uint32_t& mine = is_error ? half.error : half.data;
    if (mine != 0) return SpdyReset::kRefusedStream;
    mine = stream;
    if (half.data == 0 || half.error == 0) return std::nullopt;
    const Half pair = half;
    halves_.erase(found);
    errors_.emplace(pair.data, pair.error);
    events_.opened(pair.data, port);
    return std::nullopt;
  }
  void data(std::uint32_t stream, std::string_view bytes) override {
    if (errors_.contains(stream)) events_.data(stream, bytes);
  }
  void ended(std::uint32_t stream) override {
    if (errors_.contains(stream)) events_.ended(stream);
  }
  void was_reset(std::uint32_t stream) override {
    if (errors_.contains(stream)) events_.cancelled(stream);
  }
  void end_errors(std::uint32_t key) {
    const auto node = errors_.extract(key);
    if (!node.empty()) connection_.end(node.mapped());
  }

  PortEvents& events_;
  SpdyConnection connection_;
  std::map<std::string, Half> halves_;             // of pairs, by request
  std::map<std::uint32_t, std::uint32_t> errors_;  // error stream by data stream
};

}  // namespace

std::unique_ptr<PortChannels> spdy_ports(PortEvents& events, OutQueue& out) {
  return std::make_unique<SpdyPorts>(events, out);
}

}  // namespace berth::daemon::streaming
