// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pid1/fd.h"
#include "pid1/shim_protocol.h"

namespace berth::pid1 {

/// One packet from the daemon with the descriptors that came along. What is not taken is closed.
class Packet {
 public:
  static constexpr size_t kMaxFds = 253;  // the kernel's SCM_MAX_FD

  Packet() = default;
  Packet(const Packet&) = delete;
  Packet& operator=(const Packet&) = delete;
  ~Packet() { close_fds(); }

  const unsigned char* bytes() const { return bytes_; }
  size_t size() const { return size_; }
  bool is_truncated() const { return truncated_; }
  size_t fd_count() const { return fd_count_; }
  /// Still the packet's; for what is only needed while the packet lives.
  const int* fds() const { return fds_; }
  /// Hands a descriptor over; closed (-1) for kNoFd and for one that was taken before.
  Fd take(uint32_t position);
  void close_fds();

  enum class Outcome : uint8_t { kPacket, kNothing, kGone };
  /// Never blocks.
  Outcome receive(int socket);

 private:
  alignas(8) unsigned char bytes_[shim::kMaxMessage];
  int fds_[kMaxFds];
  size_t size_ = 0;
  size_t fd_count_ = 0;
  bool truncated_ = false;
};

/// The daemon's connection. There is one: a new daemon means that the old one is dead.
class Control {
 public:
  /// Takes a pending connection of `listener` whose peer runs as our own user, in place of the one that
  /// there is, and has the epoll set `events` report it as `key`. False when there was none.
  bool accept(int listener, int events, uint64_t key);
  void drop();
  bool is_connected() const { return socket_.is_open(); }
  int socket() const { return socket_.get(); }

  /// None of these blocks. A daemon that does not read its socket loses the connection and learns
  /// everything by kList when it comes back. False when the message was not sent. `fd` goes along and
  /// stays open here.
  bool reply(uint64_t seq, int err, uint32_t op_index = shim::kNoOp, const void* body = nullptr,
             size_t body_size = 0, int fd = -1);
  bool list_item(uint64_t seq, const shim::ObjectState& state);
  bool event(shim::Type type, const void* body = nullptr, size_t body_size = 0);

 private:
  bool send(const shim::Header& header, const void* first, size_t first_size, const void* second,
            size_t second_size, int fd = -1);

  Fd socket_;
  int events_ = -1;
};

}  // namespace berth::pid1
