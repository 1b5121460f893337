// SPDX-License-Identifier: Apache-2.0
#include "daemon/streaming/client_socket.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace berth::daemon::streaming {

Result<void> ClientSocket::start_tls(const TlsSettings& settings,
                                     std::chrono::steady_clock::time_point deadline) {
  tls_ = std::make_unique<TlsStream>(settings, fd_.get());
  for (;;) {
    const int wanted = tls_->handshake();
    if (wanted == 0) return {};
    if (wanted < 0) return Error(Code::kInvalidArgument, "TLS handshake");
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd ready{fd_.get(), static_cast<short>(wanted), 0};
    if (left.count() <= 0 || ::poll(&ready, 1, static_cast<int>(left.count())) == 0)
      return Error(Code::kDeadlineExceeded, "TLS handshake");
  }
}

ClientSocket::Io ClientSocket::read(std::span<char> into, std::size_t& count) {
  if (tls_) {
    const int wanted = tls_->read(into, count);
    return wanted == 0 ? Io::kDone : wanted > 0 ? Io::kAgain : Io::kGone;
  }
  const ssize_t got = ::recv(fd_.get(), into.data(), into.size(), MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR ? Io::kAgain : Io::kGone;
  count = static_cast<std::size_t>(got);
  return got == 0 ? Io::kGone : Io::kDone;
}

ClientSocket::Io ClientSocket::write(OutQueue& out) {
  while (!out.empty()) {
    std::size_t count = 0;
    if (tls_) {
      const int wanted = tls_->write(out.pending(), count);
      if (wanted != 0) return wanted > 0 ? Io::kAgain : Io::kGone;
    } else {
      const auto bytes = out.pending();
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN || errno == EINTR ? Io::kAgain : Io::kGone;
      count = static_cast<std::size_t>(sent);
    }
    out.sent(count);
  }
  return Io::kDone;
}

void ClientSocket::end_writing() {
  if (tls_) tls_->close_notify();
  ::shutdown(fd_.get(), SHUT_WR);
}

}  // namespace berth::daemon::streaming
