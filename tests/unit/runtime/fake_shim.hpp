// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <functional>
#include <future>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "runtime/shim_codec.hpp"
#include "runtime/shim_socket.hpp"
#include "tree.hpp"

namespace berth::testing {

/// The other end of a ShimClient, played by a test: a listening socket in a directory of its own,
/// and messages by hand.
class FakeShim {
 public:
  struct Request {
    shim::Header header{};
    std::vector<std::byte> body;
    std::vector<UniqueFd> fds;
    template <class T>
    T as() const {
      return *runtime::decode_struct<T>(body);
    }
  };

  FakeShim() {
    dir_ = UniqueFd(::open(tree_.root().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    listener_ = UniqueFd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    const sockaddr_un address = runtime::shim_address(dir_.get());
    check(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
          ::listen(listener_.get(), 4) == 0);
  }

  const std::string& dir() const { return tree_.root(); }

  /// Accepts one connection and answers its Hello.
  void greet(shim::HelloReply hello = {1, 0, ::getpid(), 1, 0, 0}) {
    accept();
    const Request request = receive();
    check(request.header.type == shim::Type::kHello);
    reply(request.header.seq, 0, shim::kNoOp, runtime::bytes_of(hello));
  }
  void accept() {
    wait(listener_.get());
    socket_ = UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    check(static_cast<bool>(socket_));
  }

  Request receive() {
    wait(socket_.get());
    std::array<std::byte, 8192> buffer;
    alignas(cmsghdr) std::array<char, 4096> control;
    iovec data{buffer.data(), buffer.size()};
    msghdr header{};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC);
    check(got > 0);
    Request request;
    const auto message =
        *runtime::decode_message(runtime::Bytes(buffer).first(static_cast<std::size_t>(got)));
    request.header = message.header;
    request.body.assign(message.body.begin(), message.body.end());
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
      const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
        request.fds.emplace_back(fd);
      }
    }
    return request;
  }

  void send(runtime::Bytes packet) {
    (void)!::send(socket_.get(), packet.data(), packet.size(), MSG_NOSIGNAL);
  }
  void send(shim::Type type, std::uint64_t seq, runtime::Bytes body) {
    send(runtime::encode_message(type, seq, body));
  }
  void reply(std::uint64_t seq, int err, std::uint32_t op_index = shim::kNoOp, runtime::Bytes body = {}) {
    const shim::Reply head{err, op_index};
    std::vector<std::byte> bytes(runtime::bytes_of(head).begin(), runtime::bytes_of(head).end());
    bytes.insert(bytes.end(), body.begin(), body.end());
    send(shim::Type::kReply, seq, bytes);
  }
  bool has_more() const {
    pollfd ready{socket_.get(), POLLIN, 0};
    return ::poll(&ready, 1, 0) == 1;
  }
  void hang_up() { socket_.reset(); }
  bool is_hung_up() {
    wait(socket_.get());
    char byte = 0;
    return ::recv(socket_.get(), &byte, 1, 0) <= 0;
  }

 private:
  static void check(bool good) {
    if (!good) throw std::runtime_error("fake shim");
  }
  static void wait(int fd) {
    pollfd ready{fd, POLLIN, 0};
    check(::poll(&ready, 1, 10000) == 1);
  }
  Tree tree_;
  UniqueFd dir_, listener_, socket_;
};

}  // namespace berth::testing
