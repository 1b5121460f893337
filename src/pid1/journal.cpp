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
  const char* const end = text + size;
  while (text != end) {
    const size_t left = static_cast<size_t>(end - text);
    const size_t window = left < kMaxLogText + 1 ? left : kMaxLogText + 1;
    const auto* newline = static_cast<const char*>(memchr(text, '\n', window));
    const size_t most = left < kMaxLogText ? left : kMaxLogText;
    const size_t length = newline != nullptr ? static_cast<size_t>(newline - text) : most;
    send_entry(stream, text, length, newline == nullptr);
    text += length + (newline != nullptr ? 1 : 0);
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
