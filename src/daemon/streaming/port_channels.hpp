// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "daemon/streaming/out_queue.hpp"

namespace berth::daemon::streaming {

/// What a client says about the connections it wants forwarded; `key` names one of them.
class PortEvents {
 public:
  virtual ~PortEvents() = default;
  virtual void opened(std::uint32_t key, std::uint16_t port) = 0;
  virtual void data(std::uint32_t key, std::string_view bytes) = 0;
  virtual void ended(std::uint32_t key) = 0;  ///< it sends no more
  virtual void cancelled(std::uint32_t key) = 0;
  virtual void goodbye() = 0;
};

/// The port-forward protocols, whatever they are carried by.
class PortChannels {
 public:
  virtual ~PortChannels() = default;
  virtual Result<void> feed(std::span<char> bytes) = 0;
  virtual void send(std::uint32_t key, std::string_view bytes) = 0;
  /// The pod sends no more.
  virtual void end(std::uint32_t key) = 0;
  /// Both directions have ended, or the client has cancelled it.
  virtual void finished(std::uint32_t key) = 0;
  /// The pod has broken it off.
  virtual void reset(std::uint32_t key) = 0;
  /// There was never a connection: why.
  virtual void fail(std::uint32_t key, const std::string& why) = 0;
  /// Now and then: gives up what the client began and did not finish.
  virtual void expire() {}
  virtual void say_why(const Error& error) = 0;
  /// All that this client can ever forward has ended.
  virtual bool is_over() const { return false; }
};

/// SPDY: a pair of streams for each connection. `events` and `out` outlive the result.
std::unique_ptr<PortChannels> spdy_ports(PortEvents& events, OutQueue& out);
/// The same, carried in the messages of a WebSocket.
std::unique_ptr<PortChannels> tunnelled_ports(PortEvents& events, OutQueue& out);
/// WebSocket: two channels for each of `ports`, one connection each.
std::unique_ptr<PortChannels> websocket_ports(bool base64, const std::vector<std::uint16_t>& ports,
                                              PortEvents& events, OutQueue& out);

}  // namespace berth::daemon::streaming
