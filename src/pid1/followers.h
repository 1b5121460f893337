// SPDX-License-Identifier: Apache-2.0
#pragma once

// Clients of Attach: they get a container's output as it comes, through pipes of the daemon's making.

#include <stddef.h>
#include <stdint.h>

#include "pid1/fd.h"

namespace berth::pid1 {

struct Shim;
struct Object;

/// One client: the write ends of its pipes, which are its queue.
struct Follower {
  Fd out[2];            // stdout, stderr; closed: not wanted
  uint32_t object = 0;  // index of whom it follows, and its generation
  uint32_t object_generation = 0;
  uint32_t generation = 0;
  bool used = false;
  int queued = 0;           // bytes in its fuller pipe when last asked
  int64_t stuck_since = 0;  // it has had no room and has not moved since then; 0: it has room
  int64_t waited = 0;       // nanoseconds that its container has waited for it, all in all
};

/// All clients of the pod, in a table that is mapped when the first one comes. A client that is slow
/// makes its container wait, but for no longer than kPatience without reading anything and kMaxWait
/// altogether; then it is dropped, and neither container nor log wait for it any more.
class Followers {
 public:
  static constexpr uint32_t kSize = 256;
  static constexpr int kPipeSize = 1 << 20;
  static constexpr int64_t kPatience = 100'000'000;
  static constexpr int64_t kMaxWait = 10'000'000'000;

  /// 0, or an errno: ENOSPC when there are too many.
  int add(Shim& shim, Object& object, Fd out, Fd err);
  /// Whether everyone who follows the object can take what one read may bring. Drops who cannot and
  /// has used up the patience.
  bool have_room(Object& object);
  /// Writes to those who want this stream (0: stdout, 1: stderr); drops who cannot take it whole.
  void feed(Object& object, int stream, const char* bytes, size_t size);
  /// The end of the object's output.
  void drop_all(Object& object);
  /// A client has closed its end; by index and generation, as for objects.
  void hung_up(Shim& shim, uint32_t index, uint32_t generation);

 private:
  bool follows(const Follower& follower, const Object& object) const;
  void drop(Follower& follower, Object* object);

  Follower* slots_ = nullptr;
  uint32_t limit_ = 0;  // one above the highest slot ever used
  uint32_t generation_ = 0;
};

}  // namespace berth::pid1
