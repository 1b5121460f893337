// SPDX-License-Identifier: Apache-2.0
// The least that can be started as a shim: says who it is, then waits to be told to go. What it was
// given is told through a file in its pod directory, for the test that started it.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "base/process_id.hpp"
#include "runtime/shim_codec.hpp"

extern char** environ;

using namespace berth;
using namespace berth::runtime;

namespace {

void answer(int socket, const ShimMessage& message) {
  const auto self = identify_process(::getpid());
  const struct {
    shim::Reply reply;
    shim::HelloReply hello;
  } body = {{0, shim::kNoOp}, {1, 0, ::getpid(), self ? self->start_time : 0, 0, 0}};
  const auto packet = encode_message(shim::Type::kReply, message.header.seq, bytes_of(body));
  (void)!::send(socket, packet.data(), packet.size(), MSG_NOSIGNAL);
}

}  // namespace

int main(int argc, char** argv) {
  const bool clean = argc == 2 && std::string(argv[0]) == "berth-pid1" && std::string(argv[1]) == "shim" &&
                     *environ == nullptr && ::fcntl(5, F_GETFD) < 0 && ::getsid(0) == ::getpid();
  ::close(::openat(shim::kPodDirFd, clean ? "clean" : "dirty", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  (void)!::write(STDERR_FILENO, "started\n", 8);
  const int socket = ::accept4(shim::kListenFd, nullptr, nullptr, SOCK_CLOEXEC);
  std::byte buffer[shim::kMaxMessage];
  for (;;) {
    const ssize_t got = ::recv(socket, buffer, sizeof(buffer), 0);
    if (got <= 0) return 1;
    const auto message = decode_message(Bytes(buffer, static_cast<std::size_t>(got)));
    if (!message) return 2;
    answer(socket, *message);
    if (message->header.type == shim::Type::kShutdown) return 0;
  }
}
