// SPDX-License-Identifier: Apache-2.0
#include "pid1/journal.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace berth::pid1 {
namespace {

iovec part(const char* text, size_t size) {
  return {const_cast<char*>(text), size};
}

template <size_t kSize>
iovec part(const char (&text)[kSize]) {
  return part(text, kSize - 1);
}

}  // namespace

void Journal::open(Fd socket, const char* fields) {
  socket_ = static_cast<Fd&&>(socket);
  fields_size_ = strnlen(fields, sizeof fields_);
  memcpy(fields_, fields, fields_size_);
}

void Journal::send(LogStream stream, const char* text, size_t size) {
  while (size > 0) {
    const LogLine line = cut_line(text, size);
    send_entry(stream, text, line.text, line.is_partial);
    const size_t sent = line.consumed > 0 ? line.consumed : size;
    text += sent;
    size -= sent;
  }
}

void Journal::send_entry(LogStream stream, const char* text, size_t size, bool is_partial) {
  iovec parts[] = {
      part(fields_, fields_size_),
      stream == LogStream::kStderr ? part("PRIORITY=3\n") : part("PRIORITY=6\n"),
      is_partial ? part("CONTAINER_PARTIAL_MESSAGE=true\n") : part(""),
      part("MESSAGE="),
      part(text, size),
      part("\n"),
  };
  msghdr packet = {};
  packet.msg_iov = parts;
  packet.msg_iovlen = sizeof parts / sizeof parts[0];
  (void)::sendmsg(socket_.get(), &packet, MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace berth::pid1
