// SPDX-License-Identifier: Apache-2.0
#include "pid1/followers.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pid1/clock.h"
#include "pid1/place.h"
#include "pid1/shim.h"
#include "pid1/supervise.h"

namespace berth::pid1 {
namespace {

/// -1 for a pipe that is not wanted.
int queued_in(const Fd& pipe) {
  int queued = 0;
  if (!pipe.is_open() || ::ioctl(pipe.get(), FIONREAD, &queued) != 0) return -1;
  return queued;
}

int watch_end(Shim& shim, int fd, uint64_t key) {
  epoll_event event = {};  // no event is asked for: the other end's closing comes unasked
  event.data.u64 = key;
  return ::epoll_ctl(shim.events.get(), EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

}  // namespace

int Followers::add(Shim& shim, Object& object, Fd out, Fd err) {
  if (slots_ == nullptr) {
    void* memory = ::mmap(nullptr, kSize * sizeof(Follower), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return errno;
    slots_ = static_cast<Follower*>(memory);
  }
  uint32_t index = 0;
  while (index < limit_ && slots_[index].used) ++index;
  if (index == kSize) return ENOSPC;
  if (index == limit_) limit_ = index + 1;
  Follower& follower = *new (Place{slots_ + index}) Follower();
  follower.object = object.index;
  follower.object_generation = object.generation;
  follower.generation = ++generation_;
  follower.used = true;
  follower.out[0] = static_cast<Fd&&>(out);
  follower.out[1] = static_cast<Fd&&>(err);
  ++object.followers;
  const uint64_t key = event_key(Source::kFollower, index, follower.generation);
  for (const Fd& pipe : follower.out) {
    if (!pipe.is_open()) continue;
    int failed = ::fcntl(pipe.get(), F_SETFL, O_NONBLOCK) == 0 ? 0 : errno;
    if (failed == 0) failed = watch_end(shim, pipe.get(), key);
    if (failed == 0) continue;
    drop(follower, &object);
    return failed;
  }
  return 0;
}

bool Followers::have_room(Object& object) {
  if (object.followers == 0) return true;
  constexpr int kFree = static_cast<int>(StreamBuffers::kReadSize) * 2;  // pages may be half full
  const int64_t now = monotonic_ns();
  bool room = true;
  for (uint32_t i = 0; i < limit_; ++i) {
    Follower& follower = slots_[i];
    if (!follows(follower, object)) continue;
    const int out = queued_in(follower.out[0]);
    const int err = queued_in(follower.out[1]);
    const int queued = out > err ? out : err;
    const int before = follower.queued;
    follower.queued = queued;
    if (queued <= kPipeSize - kFree) {
      follower.stuck_since = 0;
      continue;
    }
    if (follower.stuck_since == 0 || queued < before) {
      if (follower.stuck_since != 0) follower.waited += now - follower.stuck_since;
      follower.stuck_since = now;
    }
    if (now - follower.stuck_since > kPatience || follower.waited > kMaxWait) {
      drop(follower, &object);
    } else {
      room = false;
    }
  }
  return room;
}

void Followers::feed(Object& object, int stream, const char* bytes, size_t size) {
  if (object.followers == 0) return;
  for (uint32_t i = 0; i < limit_; ++i) {
    Follower& follower = slots_[i];
    if (!follows(follower, object) || !follower.out[stream].is_open()) continue;
    const ssize_t written = ::write(follower.out[stream].get(), bytes, size);
    if (written < 0 || static_cast<size_t>(written) != size) drop(follower, &object);
  }
}

void Followers::drop_all(Object& object) {
  for (uint32_t i = 0; i < limit_ && object.followers > 0; ++i) {
    if (follows(slots_[i], object)) drop(slots_[i], &object);
  }
}

void Followers::hung_up(Shim& shim, uint32_t index, uint32_t generation) {
  if (index >= limit_ || !slots_[index].used || slots_[index].generation != generation) return;
  drop(slots_[index], shim.objects.at(slots_[index].object, slots_[index].object_generation));
}

bool Followers::follows(const Follower& follower, const Object& object) const {
  return follower.used && follower.object == object.index && follower.object_generation == object.generation;
}

void Followers::drop(Follower& follower, Object* object) {
  for (Fd& pipe : follower.out) pipe.reset();
  follower.used = false;
  if (object != nullptr) --object->followers;
}

}  // namespace berth::pid1
