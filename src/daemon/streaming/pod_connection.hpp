// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "daemon/streaming/out_queue.hpp"

namespace berth::daemon::streaming {

/// One TCP connection to a port on a pod's loopback interface: 127.0.0.1, and if nobody listens there,
/// ::1. Never blocks. The directions end independently of each other.
class PodConnection {
 public:
  /// `network_fd`: the pod's network namespace; -1: the host's.
  PodConnection(int network_fd, std::uint16_t port) : network_fd_(network_fd), port_(port) {}

  void send(std::string_view bytes) { queue_.add(bytes); }
  void end_sending() { ending_ = true; }
  std::size_t queued() const { return queue_.size(); }

  int fd() const { return socket_.get(); }
  /// What poll(2) is to wait for.
  short wanted(bool may_read) const;
  /// Begins or goes on with connecting and writing. An error: there is no connection (any more).
  Result<void> advance();
  bool connected() const { return connected_; }
  enum class Input : unsigned char { kBytes, kNothing, kEnd, kBroken };
  Input read(std::span<char> into, std::size_t& count);
  /// Both directions have ended.
  bool done() const { return has_ended_ && sent_end_; }

 private:
  Result<void> connect(int family);
  Result<void> finish_connecting();

  int network_fd_;
  std::uint16_t port_;
  UniqueFd socket_;
  OutQueue queue_;
  int family_ = 0;
  bool connected_ = false;
  bool ending_ = false;  ///< no more to send after what is queued
  bool sent_end_ = false;
  bool has_ended_ = false;  ///< the pod's direction
};

}  // namespace berth::daemon::streaming
