// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/dbus_connection.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/cat.hpp"

namespace berth::runtime::cgroup {
namespace {

Error lost(int err) {
  return std::move(Error::from_errno(err, "talk to", "systemd").recode(Code::kUnavailable));
}

/// Waits for a place in the queue of a socket that has many callers.
Result<UniqueFd> connect_to(const std::string& path, std::chrono::milliseconds patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return Error(Code::kInvalidArgument, cat("the path of systemd's socket is too long: ", path));
  std::copy(path.begin(), path.end(), address.sun_path);
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return Error::from_errno(errno, "create", "a socket");
  const timeval limit{patience.count() / 1000, patience.count() % 1000 * 1000};
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0)
    return Error::from_errno(errno, "set the patience of", "a socket");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return socket;
  return std::move(Error::from_errno(errno, "connect to", path).recode(Code::kUnavailable));
}

/// The digits of our number, each as the two hexadecimal digits of its character.
std::string hexadecimal_uid() {
  std::string out;
  for (const char digit : std::to_string(::geteuid())) out.append("3").push_back(digit);
  return out;
}

}  // namespace

Result<DbusConnection> DbusConnection::open(const std::string& socket_path, Deadline deadline) {
  DbusConnection connection(UniqueFd(), deadline);
  ASSIGN_OR_RETURN(connection.socket_, connect_to(socket_path, connection.left()));
  RETURN_IF_ERROR(connection.authenticate());
  return connection;
}

Result<void> DbusConnection::wait_for(short events) const {
  for (;;) {
    const auto patience = left().count();
    if (patience <= 0) return Error(Code::kDeadlineExceeded, "systemd does not answer");
    pollfd waiting{socket_.get(), events, 0};
    if (::poll(&waiting, 1, static_cast<int>(patience)) > 0) return {};
  }
}

Result<void> DbusConnection::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      RETURN_IF_ERROR(wait_for(POLLOUT));
    } else if (errno != EINTR) {
      return lost(errno);
    }
  }
  return {};
}

Result<void> DbusConnection::read_more() {
  std::array<char, 4096> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  RETURN_IF_ERROR(wait_for(POLLIN));
  const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size == 0) return lost(ECONNRESET);
  if (size < 0 && errno != EAGAIN && errno != EINTR) return lost(errno);
  if (size > 0) received_.append(buffer.data(), static_cast<std::size_t>(size));
  return {};
}

Result<void> DbusConnection::authenticate() {
  constexpr std::size_t kMaxLine = 1024;
  RETURN_IF_ERROR(write_all(cat('\0', "AUTH EXTERNAL ", hexadecimal_uid(), "\r\nBEGIN\r\n")));
  std::size_t end = 0;
  while ((end = received_.find("\r\n")) == std::string::npos) {
    if (received_.size() > kMaxLine) return Error(Code::kInternal, "systemd's socket speaks no D-Bus");
    RETURN_IF_ERROR(read_more());
  }
  if (!received_.starts_with("OK "))
    return Error(Code::kPermissionDenied, cat("systemd does not let us in: ", received_.substr(0, end)));
  received_.erase(0, end + 2);
  return {};
}

Result<std::uint32_t> DbusConnection::send(const DbusCall& call) {
  RETURN_IF_ERROR(write_all(marshal(call, ++serial_)));
  return serial_;
}

Result<DbusMessage> DbusConnection::receive() {
  for (;;) {
    ASSIGN_OR_RETURN(const auto size, message_size(received_));
    if (size && received_.size() >= *size) {
      ASSIGN_OR_RETURN(DbusMessage message, parse_message(std::string_view(received_).substr(0, *size)));
      received_.erase(0, *size);
      return message;
    }
    RETURN_IF_ERROR(read_more());
  }
}

}  // namespace berth::runtime::cgroup
