// SPDX-License-Identifier: Apache-2.0
#include "pid1/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pid1/clock.h"
#include "pid1/cri_log.h"
#include "pid1/note.h"
#include "pid1/shim.h"

namespace berth::pid1 {
namespace {

constexpr size_t kFairShare = 256u << 10;  // of one stream per round
constexpr size_t kPipeSize = 64u << 10;    // as pipe(2) makes them
constexpr int64_t kTerminalRetry = 100 * kMillisecond;
constexpr int64_t kFollowerRetry = 2 * kMillisecond;
constexpr int64_t kLogRetry = 100 * kMillisecond;  // if there is no news: the disk may hang
constexpr int64_t kQuiet = 100 * kMillisecond;
constexpr size_t kMapped = kMaxLogText + StreamBuffers::kReadSize;

void keep_rest(Stream& stream, const char* rest, size_t size) {
  stream.rest_size = 0;
  if (size == 0) return;
  if (stream.rest == nullptr) {
    void* memory = ::mmap(nullptr, kMaxLogText, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      note("no memory for a line's beginning: lost", errno);
      return;
    }
    stream.rest = static_cast<char*>(memory);
  }
  memcpy(stream.rest, rest, size);
  stream.rest_size = size;
}

void hold(Stream& stream, const char* text, size_t size) {
  if (stream.held == nullptr) {
    void* memory =
        ::mmap(nullptr, StreamBuffers::kHeldSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      note("no memory for what a log has no room for: lost", errno);
      return;
    }
    stream.held = static_cast<char*>(memory);
  }
  memmove(stream.held, text, size);
  stream.held_size = size;
}

size_t whole_lines(const char* text, size_t size) {
  size_t whole = 0;
  for (;;) {
    const LogLine line = cut_line(text + whole, size - whole);
    if (line.consumed == 0) return whole;
    whole += line.consumed;
  }
}

/// Queues whole lines for the log and keeps the last one's beginning. False: the log has no room for all of
/// them, and those are held.
bool log_lines(Object& object, Stream& stream, const char* text, size_t size) {
  LogPrefix prefix(stream.read_at, stream.tag);
  const size_t logged =
      object.log.is_open() ? object.log.append(prefix, text, size) : whole_lines(text, size);
  if (object.journal.is_open()) object.journal.send(stream.tag, text, logged);
  text += logged;
  size -= logged;
  if (cut_line(text, size).consumed == 0) {
    keep_rest(stream, text, size);
    return true;
  }
  hold(stream, text, size);
  return false;
}

/// Logs `size` bytes that were just read into the read area.
bool log_output(Shim& shim, Object& object, Stream& stream, size_t size) {
  if (!object.log.is_open() && !object.journal.is_open()) return true;
  ::clock_gettime(CLOCK_REALTIME, &stream.read_at);
  // The line's beginning goes right before what was read, so that the formatter sees one piece.
  char* const at = shim.buffers.read_area() - stream.rest_size;
  if (stream.rest_size > 0) memcpy(at, stream.rest, stream.rest_size);
  size += stream.rest_size;
  stream.rest_size = 0;
  return log_lines(object, stream, at, size);
}

/// False while the log has no room for what is held.
bool log_held(Object& object, Stream& stream) {
  if (stream.held_size == 0) return true;
  const size_t size = stream.held_size;
  stream.held_size = 0;
  return log_lines(object, stream, stream.held, size);
}

bool flush_tail(Object& object, Stream& stream) {
  if (!log_held(object, stream)) return false;
  if (stream.rest_size == 0) return true;
  LogPrefix prefix(stream.read_at, stream.tag);
  if (object.log.is_open() && !object.log.append_tail(prefix, stream.rest, stream.rest_size)) return false;
  if (object.journal.is_open()) object.journal.send(stream.tag, stream.rest, stream.rest_size);
  stream.rest_size = 0;
  return true;
}

/// The other side of a terminal can be opened again as long as the container lives.
void end_stream(Shim& shim, Object& object, Stream& stream) {
  if (stream.is_terminal && !object.ending && object.is_alive()) {
    ::epoll_ctl(shim.stream_events.get(), EPOLL_CTL_DEL, stream.fd.get(), nullptr);
    stream.rearm_at = monotonic_ns() + kTerminalRetry;
    shim.timers_armed = true;
    return;
  }
  unwatch(shim, stream.fd);
  (void)flush_tail(object, stream);  // what has no room now has it at the object's end
}

/// Until whoever follows it has read some, or the log has room again.
void pause(Shim& shim, Stream& stream, int64_t retry) {
  ::epoll_ctl(shim.stream_events.get(), EPOLL_CTL_DEL, stream.fd.get(), nullptr);
  stream.rearm_at = monotonic_ns() + retry;
  shim.timers_armed = true;
}

void pause_for_log(Shim& shim, Object& object, Stream& stream) {
  stream.waits_for_log = true;
  pause(shim, stream, object.log.has_room() ? 0 : kLogRetry);
}

/// Who fills its pipe waits for each of our reads: a larger one makes that four times rarer, and the
/// waking costs more than the copying. One that is refused stays as it is.
void widen(Stream& stream) {
  stream.widened = true;
  ::fcntl(stream.fd.get(), F_SETPIPE_SZ, static_cast<int>(StreamBuffers::kReadSize));
}

Source source_of(const Object& object, const Stream& stream) {
  return &stream == &object.streams[0] ? Source::kStdout : Source::kStderr;
}

}  // namespace

bool StreamBuffers::map() {
  if (memory_ != nullptr) return true;
  void* memory = ::mmap(nullptr, kMapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  memory_ = static_cast<char*>(memory);
  return true;
}

void StreamBuffers::unmap() {
  if (memory_ != nullptr) ::munmap(memory_, kMapped);
  memory_ = nullptr;
}

char* StreamBuffers::read_area() const {
  return memory_ + kMaxLogText;
}

int watch_streams(Shim& shim, Object& object) {
  for (Stream& stream : object.streams) {
    if (!stream.fd.is_open()) continue;
    const int err = watch(shim, stream.fd.get(), source_of(object, stream), &object);
    if (err != 0) return err;
  }
  return 0;
}

void serve_stream(Shim& shim, Object& object, Stream& stream) {
  if (!stream.fd.is_open() || !shim.buffers.map()) return;
  if (!log_held(object, stream)) return pause_for_log(shim, object, stream);
  for (size_t served = 0; served < kFairShare;) {
    if (!object.ending && !shim.followers.have_room(object)) return pause(shim, stream, kFollowerRetry);
    if (!object.log.has_room()) return pause_for_log(shim, object, stream);
    const ssize_t size = ::read(stream.fd.get(), shim.buffers.read_area(), StreamBuffers::kReadSize);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) return end_stream(shim, object, stream);  // a terminal's end is EIO
    const auto length = static_cast<size_t>(size);
    if (length >= kPipeSize && !stream.widened) widen(stream);
    // The log comes first: what a client has seen is in it.
    const bool logged = log_output(shim, object, stream, length);
    shim.followers.feed(object, &stream == &object.streams[0] ? 0 : 1, shim.buffers.read_area(), length);
    if (object.ending) object.quiet_until = monotonic_ns() + kQuiet;
    if (!logged) return pause_for_log(shim, object, stream);
    served += length;
    if (length < StreamBuffers::kReadSize && !object.ending) return;  // that was all, most likely
  }
}

bool flush_tails(Object& object) {
  bool all = true;
  for (Stream& stream : object.streams) all = flush_tail(object, stream) && all;
  return all;
}

void rearm_streams(Shim& shim, Object& object, int64_t now) {
  for (Stream& stream : object.streams) {
    if (stream.rearm_at == kNever) continue;
    const bool is_over = object.ending && !stream.waits_for_log;
    if (stream.rearm_at > now && !is_over) continue;
    stream.rearm_at = kNever;
    stream.waits_for_log = false;
    if (watch(shim, stream.fd.get(), source_of(object, stream), &object) != 0) stream.fd.reset();
  }
}

void rearm_logged(Shim& shim, Object& object) {
  for (Stream& stream : object.streams) {
    if (stream.waits_for_log) stream.rearm_at = 0;
  }
  rearm_streams(shim, object, 0);
}

void release_idle_memory(Shim& shim) {
  shim.buffers.unmap();
  for (uint32_t i = 0; i < shim.objects.limit(); ++i) {
    Object* object = shim.objects.at(i);
    if (object == nullptr) continue;
    for (Stream& stream : object->streams) {
      if (stream.rest != nullptr && stream.rest_size == 0) {
        ::munmap(stream.rest, kMaxLogText);
        stream.rest = nullptr;
      }
      if (stream.held != nullptr && stream.held_size == 0) {
        ::munmap(stream.held, StreamBuffers::kHeldSize);
        stream.held = nullptr;
      }
    }
  }
}

}  // namespace berth::pid1
