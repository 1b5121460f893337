// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pid1/cri_log.h"

namespace berth::pid1 {

struct Shim;
struct Object;
struct Stream;

/// The shim's buffer for reading output; one for all streams, mapped while there is output and given back
/// when there has been none for a while.
class StreamBuffers {
 public:
  static constexpr size_t kReadSize = 256u << 10;
  static constexpr size_t kHeldSize = kMaxLogText + kReadSize;  // a line's beginning, and a read

  /// False with errno ENOMEM.
  bool map();
  void unmap();
  bool is_mapped() const { return memory_ != nullptr; }
  /// Where to read kReadSize bytes to; the kMaxLogText bytes before it are free for a line's beginning.
  char* read_area() const;

 private:
  char* memory_ = nullptr;
};

/// Puts the object's open streams into the second-level epoll set. 0, or an errno.
int watch_streams(Shim& shim, Object& object);

/// Reads what the stream has, at most a fair share, and logs it. Closes it at its end.
void serve_stream(Shim& shim, Object& object, Stream& stream);

/// Queues for the log what is held, and lines that never got their newline. False while there is no room.
bool flush_tails(Object& object);

/// Streams that were left alone: looks at those whose time has come again.
void rearm_streams(Shim& shim, Object& object, int64_t now);
/// Likewise at those for which the log had no room, whatever the time.
void rearm_logged(Shim& shim, Object& object);

/// Gives memory back that streams do not need while nothing is being written.
void release_idle_memory(Shim& shim);

}  // namespace berth::pid1
