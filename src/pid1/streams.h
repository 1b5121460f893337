// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace berth::pid1 {

struct Shim;
struct Object;
struct Stream;

/// The shim's buffers for reading output and building log records; one set for all streams, mapped
/// while there is output and given back when there has been none for a while.
class StreamBuffers {
 public:
  static constexpr size_t kReadSize = 256u << 10;
  static constexpr size_t kOutSize = 512u << 10;

  /// False with errno ENOMEM.
  bool map();
  void unmap();
  bool is_mapped() const { return memory_ != nullptr; }
  /// Where to read kReadSize bytes to; the kMaxLogText bytes before it are free for a line's beginning.
  char* read_area() const;
  char* out_area() const { return memory_; }

 private:
  char* memory_ = nullptr;
};

/// Puts the object's open streams into the second-level epoll set. 0, or an errno.
int watch_streams(Shim& shim, Object& object);

/// Reads what the stream has, at most a fair share, and logs it. Closes it at its end.
void serve_stream(Shim& shim, Object& object, Stream& stream);

/// Logs lines that never got their newline.
void flush_tails(Shim& shim, Object& object);

/// A terminal that nobody had open, or a stream whose followers had no room: looks again.
void rearm_terminal(Shim& shim, Object& object, int64_t now);

/// Gives memory back that streams do not need while nothing is being written.
void release_idle_memory(Shim& shim);

}  // namespace berth::pid1
