// SPDX-License-Identifier: Apache-2.0
#include "daemon/streaming/pod_connection.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/cat.hpp"
#include "daemon/streaming/listener.hpp"
#include "runtime/namespaces.hpp"

namespace berth::daemon::streaming {
namespace {

constexpr const char* kLoopback = "127.0.0.1";
constexpr const char* kLoopback6 = "::1";

bool not_now(int err) {
  return err == EAGAIN || err == EINTR;
}

}  // namespace

Result<void> PodConnection::connect(int family) {
  family_ = family;
  auto made = runtime::socket_in_network(network_fd_, family, SOCK_STREAM | SOCK_NONBLOCK);
  if (!made && family == AF_INET) return connect(AF_INET6);
  ASSIGN_OR_RETURN(socket_, std::move(made));
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port_);
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port_);
  v6.sin6_addr = in6addr_loopback;
  const bool is_v4 = family == AF_INET;
  const auto* address =
      is_v4 ? reinterpret_cast<const sockaddr*>(&v4) : reinterpret_cast<const sockaddr*>(&v6);
  if (::connect(socket_.get(), address, is_v4 ? sizeof v4 : sizeof v6) == 0) {
    connected_ = true;
    return {};
  }
  if (errno == EINPROGRESS) return {};
  const int err = errno;
  if (is_v4) return connect(AF_INET6);
  return Error::from_errno(err, "connect to", cat("port ", port_, " on the pod's loopback interface"));
}

Result<void> PodConnection::finish_connecting() {
  pollfd ready{socket_.get(), POLLOUT, 0};
  if (::poll(&ready, 1, 0) <= 0) return {};
  int err = 0;
  socklen_t size = sizeof err;
  ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &err, &size);
  // A reset comes only from somebody who had accepted.
  connected_ = err == 0 || err == ECONNRESET;
  if (err == 0) return {};
  if (!connected_ && family_ == AF_INET) return connect(AF_INET6);
  return Error::from_errno(
      err, "connect to",
      cat(host_and_port(kLoopback, port_), " and ", host_and_port(kLoopback6, port_), " in the pod"));
}

short PodConnection::wanted(bool may_read) const {
  if (!connected_) return POLLOUT;
  const bool writes = !queue_.empty();
  return static_cast<short>((writes ? POLLOUT : 0) | (may_read && !has_ended_ ? POLLIN : 0));
}

Result<void> PodConnection::advance() {
  if (!socket_) RETURN_IF_ERROR(connect(AF_INET));
  if (!connected_) RETURN_IF_ERROR(finish_connecting());
  while (connected_ && !queue_.empty()) {
    const auto bytes = queue_.pending();
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && not_now(errno)) return {};
    if (sent < 0) return Error::from_errno(errno, "send to", cat("port ", port_, " of the pod"));
    queue_.sent(static_cast<std::size_t>(sent));
  }
  if (connected_ && ending_ && !sent_end_ && queue_.empty()) {
    ::shutdown(socket_.get(), SHUT_WR);
    sent_end_ = true;
  }
  return {};
}

PodConnection::Input PodConnection::read(std::span<char> into, std::size_t& count) {
  const ssize_t got = ::recv(socket_.get(), into.data(), into.size(), MSG_DONTWAIT);
  if (got < 0) return not_now(errno) ? Input::kNothing : Input::kBroken;
  count = static_cast<std::size_t>(got);
  has_ended_ = got == 0;
  return got == 0 ? Input::kEnd : Input::kBytes;
}

}  // namespace berth::daemon::streaming
