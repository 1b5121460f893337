// SPDX-License-Identifier: Apache-2.0
#include "daemon/streaming/listener.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/cat.hpp"

namespace berth::daemon::streaming {
namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Address address_of(const std::string& text, std::uint16_t port) {
  Address address;
  if (in_addr v4{}; ::inet_pton(AF_INET, text.c_str(), &v4) == 1) {
    auto& to = reinterpret_cast<sockaddr_in&>(address.storage);
    to.sin_family = AF_INET;
    to.sin_addr = v4;
    to.sin_port = htons(port);
    address.size = sizeof to;
  } else if (in6_addr v6{}; ::inet_pton(AF_INET6, text.c_str(), &v6) == 1) {
    auto& to = reinterpret_cast<sockaddr_in6&>(address.storage);
    to.sin6_family = AF_INET6;
    to.sin6_addr = v6;
    to.sin6_port = htons(port);
    address.size = sizeof to;
  }
  return address;
}

}  // namespace

std::string host_and_port(const std::string& address, std::uint16_t port) {
  const bool v6 = address.find(':') != std::string::npos;
  return v6 ? cat("[", address, "]:", port) : cat(address, ":", port);
}

Result<Listener> listen_on(const std::string& text, std::uint16_t port) {
  Address address = address_of(text, port);
  const std::string subject = host_and_port(text, port);
  if (address.size == 0)
    return Error(Code::kInvalidArgument, cat("streaming.address is not an IP address: \"", text, '"'));
  Listener made;
  made.socket.reset(::socket(address.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made.socket) return Error::from_errno(errno, "socket", "for streaming");
  const int on = 1;  // a restart must not wait for the old connections' TIME_WAIT
  (void)::setsockopt(made.socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(made.socket.get(), address.get(), address.size) != 0)
    return Error::from_errno(errno, "bind the streaming server to", subject);
  if (::listen(made.socket.get(), SOMAXCONN) != 0) return Error::from_errno(errno, "listen on", subject);
  Address bound;
  bound.size = sizeof bound.storage;
  if (::getsockname(made.socket.get(), bound.get(), &bound.size) != 0)
    return Error::from_errno(errno, "ask for the port of", subject);
  const bool v6 = bound.storage.ss_family == AF_INET6;
  made.port = ntohs(v6 ? reinterpret_cast<sockaddr_in6&>(bound.storage).sin6_port
                       : reinterpret_cast<sockaddr_in&>(bound.storage).sin_port);
  return made;
}

}  // namespace berth::daemon::streaming
