// SPDX-License-Identifier: Apache-2.0
#include "pid1/control.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pid1/sync.h"

namespace berth::pid1 {
namespace {

// A kList of every object that a pod may have fits in.
constexpr int kSendBuffer = 1 << 20;

bool is_own_user(int socket) {
  ucred peer = {};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == ::geteuid();
}

}  // namespace

Fd Packet::take(uint32_t position) {
  if (position >= fd_count_) return Fd();
  Fd taken(fds_[position]);
  fds_[position] = -1;
  return taken;
}

void Packet::close_fds() {
  for (size_t i = 0; i < fd_count_; ++i) {
    if (fds_[i] >= 0) ::close(fds_[i]);
  }
  fd_count_ = 0;
}

Packet::Outcome Packet::receive(int socket) {
  close_fds();
  iovec part = {bytes_, sizeof bytes_};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fds_)];
  msghdr packet = {};
  packet.msg_iov = &part;
  packet.msg_iovlen = 1;
  packet.msg_control = control;
  packet.msg_controllen = sizeof control;
  const ssize_t size = ::recvmsg(socket, &packet, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (size < 0) return errno == EAGAIN || errno == EINTR ? Outcome::kNothing : Outcome::kGone;
  if (size == 0) return Outcome::kGone;
  size_ = static_cast<size_t>(size);
  truncated_ = (packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  for (cmsghdr* part_header = CMSG_FIRSTHDR(&packet); part_header != nullptr;
       part_header = CMSG_NXTHDR(&packet, part_header)) {
    if (part_header->cmsg_level != SOL_SOCKET || part_header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part_header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    // The kernel sends one array; the sum cannot exceed what the control buffer holds.
    memcpy(fds_ + fd_count_, CMSG_DATA(part_header), count * sizeof(int));
    fd_count_ += count;
  }
  return Outcome::kPacket;
}

bool Control::accept(int listener, int events, uint64_t key) {
  Fd accepted(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!accepted.is_open() || !is_own_user(accepted.get())) return false;
  if (::setsockopt(accepted.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kSendBuffer, sizeof kSendBuffer) != 0) {
    ::setsockopt(accepted.get(), SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer);
  }
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = key;
  if (::epoll_ctl(events, EPOLL_CTL_ADD, accepted.get(), &event) != 0) return false;
  drop();
  socket_ = static_cast<Fd&&>(accepted);
  events_ = events;
  return true;
}

void Control::drop() {
  if (!socket_.is_open()) return;
  // Neither is done by closing it when some child that was just made has a copy.
  ::epoll_ctl(events_, EPOLL_CTL_DEL, socket_.get(), nullptr);
  ::shutdown(socket_.get(), SHUT_RDWR);
  socket_.reset();
}

bool Control::send(const shim::Header& header, const void* first, size_t first_size, const void* second,
                   size_t second_size, int fd) {
  if (!socket_.is_open()) return false;
  shim::Header copy = header;
  iovec parts[3] = {
      {&copy, sizeof copy}, {const_cast<void*>(first), first_size}, {const_cast<void*>(second), second_size}};
  if (fd >= 0 && send_with_fd(socket_.get(), parts, 3, fd) == 0) return true;
  msghdr packet = {};
  packet.msg_iov = parts;
  packet.msg_iovlen = 3;
  if (fd < 0 && ::sendmsg(socket_.get(), &packet, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return true;
  drop();
  return false;
}

bool Control::reply(uint64_t seq, int err, uint32_t op_index, const void* body, size_t body_size, int fd) {
  const shim::Reply reply = {err, op_index};
  return send({shim::kMagic, shim::Type::kReply, shim::kVersionMax, seq}, &reply, sizeof reply, body,
              err == 0 ? body_size : 0, fd);
}

bool Control::list_item(uint64_t seq, const shim::ObjectState& state) {
  return send({shim::kMagic, shim::Type::kListItem, shim::kVersionMax, seq}, &state, sizeof state, nullptr,
              0);
}

bool Control::event(shim::Type type, const void* body, size_t body_size) {
  return send({shim::kMagic, type, shim::kVersionMax, 0}, body, body_size, nullptr, 0);
}

}  // namespace berth::pid1
