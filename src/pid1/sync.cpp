// SPDX-License-Identifier: Apache-2.0
#include "pid1/sync.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

namespace berth::pid1 {
namespace {

constexpr size_t kControlSize = CMSG_SPACE(sizeof(int));

}  // namespace

int send_with_fd(int socket, iovec* parts, size_t count, int fd) {
  alignas(cmsghdr) char control[kControlSize] = {};
  msghdr packet = {};
  packet.msg_iov = parts;
  packet.msg_iovlen = static_cast<decltype(packet.msg_iovlen)>(count);  // an int in musl
  packet.msg_control = control;
  packet.msg_controllen = sizeof control;
  cmsghdr* rights = CMSG_FIRSTHDR(&packet);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  return ::sendmsg(socket, &packet, MSG_NOSIGNAL) < 0 ? errno : 0;
}

void send_sync(int socket, const SyncMessage& message, int fd) {
  if (fd < 0) {
    // A shim that is gone is noticed at the gate.
    [[maybe_unused]] const ssize_t written = ::write(socket, &message, sizeof message);
    return;
  }
  iovec part = {const_cast<SyncMessage*>(&message), sizeof message};
  send_with_fd(socket, &part, 1, fd);
}

ssize_t receive_sync(int socket, SyncMessage& message, Fd& fd) {
  iovec part = {&message, sizeof message};
  alignas(cmsghdr) char control[kControlSize] = {};
  msghdr packet = {};
  packet.msg_iov = &part;
  packet.msg_iovlen = 1;
  packet.msg_control = control;
  packet.msg_controllen = sizeof control;
  const ssize_t size = ::recvmsg(socket, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0) return size;
  cmsghdr* const rights = CMSG_FIRSTHDR(&packet);
  if (rights != nullptr && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS) {
    int received = -1;
    memcpy(&received, CMSG_DATA(rights), sizeof received);
    fd.reset(received);
  }
  return size;
}

void close_all_but(const int* keep, uint32_t count) {
  // The next one to keep is searched for each gap; there are few, and their numbers are dense.
  unsigned from = 3;
  for (;;) {
    unsigned next = ~0U;
    for (uint32_t i = 0; i < count; ++i) {
      const auto fd = static_cast<unsigned>(keep[i]);
      if (keep[i] >= 0 && fd >= from && fd < next) next = fd;
    }
    if (next > from) ::close_range(from, next == ~0U ? next : next - 1, 0);
    if (next == ~0U) return;
    from = next + 1;
  }
}

}  // namespace berth::pid1
