// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <span>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "daemon/streaming/out_queue.hpp"
#include "daemon/streaming/tls.hpp"

namespace berth::daemon::streaming {

/// A client's connection: a TCP socket that never blocks, with TLS over it or without.
class ClientSocket {
 public:
  explicit ClientSocket(UniqueFd fd) : fd_(std::move(fd)) {}

  /// Blocks, until `deadline` at most.
  Result<void> start_tls(const TlsSettings& settings, std::chrono::steady_clock::time_point deadline);

  enum class Io : unsigned char { kDone, kAgain, kGone };
  /// kDone with the count, kAgain when there is nothing to read, kGone at its end.
  Io read(std::span<char> into, std::size_t& count);
  /// As much as goes: kDone when the queue is empty.
  Io write(OutQueue& out);
  /// Bytes are here that poll(2) does not know of.
  bool has_buffered() const { return tls_ && tls_->has_buffered(); }
  /// Tells the other side that nothing more will come.
  void end_writing();
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::unique_ptr<TlsStream> tls_;
};

}  // namespace berth::daemon::streaming
