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
constexpr int64_t kDiskRetry = 100 * kMillisecond;
constexpr int64_t kQuiet = 100 * kMillisecond;
constexpr size_t kMapped = StreamBuffers::kOutSize + kMaxLogText + StreamBuffers::kReadSize;
static_assert(StreamBuffers::kOutSize >= kMaxLogRecord);

LogPrefix prefix_now(const Stream& stream) {
  timespec now = {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return LogPrefix(now, stream.tag);
}

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

/// Logs `size` bytes that were just read into the read area.
void log_output(Shim& shim, Object& object, Stream& stream, size_t size) {
  if (!object.log.is_open() && !object.journal.is_open()) return;
  LogPrefix prefix = prefix_now(stream);
  // The line's beginning goes right before what was read, so that the formatter sees one piece.
  char* at = shim.buffers.read_area() - stream.rest_size;
  if (stream.rest_size > 0) memcpy(at, stream.rest, stream.rest_size);
  size_t left = size + stream.rest_size;
  for (;;) {
    const LogProgress progress =
        format_lines(prefix, at, left, shim.buffers.out_area(), StreamBuffers::kOutSize);
    if (progress.consumed == 0) break;
    object.log.append(shim.buffers.out_area(), progress.produced);
    if (object.journal.is_open()) object.journal.send(stream.tag, at, progress.consumed);
    at += progress.consumed;
    left -= progress.consumed;
  }
  keep_rest(stream, at, left);
}

void flush_tail(Shim& shim, Object& object, Stream& stream) {
  if (stream.rest_size > 0 && shim.buffers.map()) {
    LogPrefix prefix = prefix_now(stream);
    object.log.append(shim.buffers.out_area(),
                      format_tail(prefix, stream.rest, stream.rest_size, shim.buffers.out_area()));
    if (object.journal.is_open()) object.journal.send(stream.tag, stream.rest, stream.rest_size);
  }
  stream.rest_size = 0;
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
  flush_tail(shim, object, stream);
}

/// Until whoever follows it has read some, or the disk has room again.
void pause(Shim& shim, Stream& stream, int64_t retry) {
  ::epoll_ctl(shim.stream_events.get(), EPOLL_CTL_DEL, stream.fd.get(), nullptr);
  stream.rearm_at = monotonic_ns() + retry;
  shim.timers_armed = true;
}

/// What the records of these bytes take at most.
size_t records_size(const char* bytes, size_t size) {
  size_t lines = 1 + (size + kMaxLogText - 1) / kMaxLogText;
  const char* const end = bytes + size;
  while ((bytes = static_cast<const char*>(memchr(bytes, '\n', static_cast<size_t>(end - bytes)))) !=
         nullptr) {
    ++lines;
    ++bytes;
  }
  return size + lines * (LogPrefix::kSize + 1);
}

/// Logs what is in the read area. False: the disk is full, the log waits, and the bytes are held.
bool log_or_hold(Shim& shim, Object& object, Stream& stream, size_t size) {
  const char* bytes = shim.buffers.read_area();
  // At its end nobody is left who could wait.
  if (object.ending || !object.log.waits() ||
      object.log.make_room(records_size(bytes, size) + stream.rest_size)) {
    log_output(shim, object, stream, size);
    return true;
  }
  if (stream.held == nullptr) {
    void* memory =
        ::mmap(nullptr, StreamBuffers::kReadSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      log_output(shim, object, stream, size);
      return true;
    }
    stream.held = static_cast<char*>(memory);
  }
  memcpy(stream.held, bytes, size);
  stream.held_size = size;
  return false;
}

/// False while the disk has still no room for what is held.
bool log_held(Shim& shim, Object& object, Stream& stream) {
  if (stream.held_size == 0) return true;
  const size_t size = stream.held_size;
  memcpy(shim.buffers.read_area(), stream.held, size);
  stream.held_size = 0;
  return log_or_hold(shim, object, stream, size);
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
  return memory_ + kOutSize + kMaxLogText;
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
  if (!log_held(shim, object, stream)) return pause(shim, stream, kDiskRetry);
  for (size_t served = 0; served < kFairShare;) {
    if (!object.ending && !shim.followers.have_room(object)) return pause(shim, stream, kFollowerRetry);
    const ssize_t size = ::read(stream.fd.get(), shim.buffers.read_area(), StreamBuffers::kReadSize);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) return end_stream(shim, object, stream);  // a terminal's end is EIO
    const auto length = static_cast<size_t>(size);
    if (length >= kPipeSize && !stream.widened) widen(stream);
    // The log comes first: what a client has seen is in it.
    const bool logged = log_or_hold(shim, object, stream, length);
    shim.followers.feed(object, &stream == &object.streams[0] ? 0 : 1, shim.buffers.read_area(), length);
    if (!logged) return pause(shim, stream, kDiskRetry);
    if (object.ending) object.quiet_until = monotonic_ns() + kQuiet;
    served += length;
    if (length < StreamBuffers::kReadSize && !object.ending) return;  // that was all, most likely
  }
}

void flush_tails(Shim& shim, Object& object) {
  for (Stream& stream : object.streams) {
    if (stream.held_size > 0 && shim.buffers.map()) log_held(shim, object, stream);
    flush_tail(shim, object, stream);
  }
}

void rearm_terminal(Shim& shim, Object& object, int64_t now) {
  for (Stream& stream : object.streams) {
    if (stream.rearm_at > now && !object.ending) continue;
    if (stream.rearm_at == kNever) continue;
    stream.rearm_at = kNever;
    if (watch(shim, stream.fd.get(), source_of(object, stream), &object) != 0) stream.fd.reset();
  }
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
        ::munmap(stream.held, StreamBuffers::kReadSize);
        stream.held = nullptr;
      }
    }
  }
}

}  // namespace berth::pid1
