// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/console_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/unique_fd.hpp"

namespace berth::runtime::cli {
namespace {

/// By the descriptor of the socket's own file: a path may be longer than an address.
Result<UniqueFd> connect_to(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd file, open_at(kCwd, path, O_PATH));
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return Error::from_errno(errno, "create", "a socket");
  const std::string short_path = cat("/proc/self/fd/", file.get());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, short_path.c_str(), short_path.size() + 1);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return Error::from_errno(errno, "connect to", path);
  return socket;
}

}  // namespace

Result<void> send_terminal(const std::string& path, int master) {
  auto socket = connect_to(path);
  if (!socket) return std::move(socket).context("hand over the terminal").error();
  std::string name = "/dev/pts/ptmx";
  iovec part{name.data(), name.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(rights), &master, sizeof master);
  if (::sendmsg(socket->get(), &message, MSG_NOSIGNAL) == static_cast<ssize_t>(name.size())) return {};
  return Error::from_errno(errno, "hand over the terminal to", path);
}

}  // namespace berth::runtime::cli
