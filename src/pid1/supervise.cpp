// SPDX-License-Identifier: Apache-2.0
#include "pid1/supervise.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "pid1/clock.h"
#include "pid1/launch.h"
#include "pid1/log_news.h"
#include "pid1/note.h"
#include "pid1/pause.h"
#include "pid1/reap.h"
#include "pid1/requests.h"

namespace berth::pid1 {
namespace {

constexpr int kBatch = 32;
constexpr int kIdleMilliseconds = 1000;  // without output until buffers are given back

Source source_of(uint64_t key) {
  return static_cast<Source>(key >> 56);
}

uint32_t index_of(uint64_t key) {
  return static_cast<uint32_t>(key >> 40 & 0xffff);
}

uint32_t generation_of(uint64_t key) {
  return static_cast<uint32_t>(key & 0xffffffff);
}

Object* object_of(Shim& shim, uint64_t key) {
  return shim.objects.at(index_of(key), generation_of(key));
}

/// Sequence numbers mean something only on the connection that they came by.
void forget_requests(Shim& shim) {
  shim.pod.pause.seq = 0;
  for (uint32_t i = 0; i < shim.objects.limit(); ++i) {
    Object* object = shim.objects.at(i);
    if (object == nullptr) continue;
    object->launch_seq = 0;
    object->start_seq = 0;
    object->reopen_seq = 0;
    // The daemon that would have ended it with its client is gone.
    if (object->stdin_attached && (object->flags & shim::kStdinOnce) != 0) object->stdin_pipe.reset();
  }
}

void accept_daemon(Shim& shim) {
  if (shim.control.accept(shim.listener.get(), shim.events.get(), event_key(Source::kControl, nullptr)))
    forget_requests(shim);
}

void read_signals(Shim& shim) {
  signalfd_siginfo info[4];
  while (::read(shim.signals.get(), info, sizeof info) > 0) {
  }
  reap_orphans(shim);
}

void dispatch(Shim& shim, uint64_t key) {
  Object* object = object_of(shim, key);
  switch (source_of(key)) {
    case Source::kListener:
      return accept_daemon(shim);
    case Source::kControl:
      return serve_control(shim);
    case Source::kSignals:
      return read_signals(shim);
    case Source::kLogs:
      return serve_logs(shim);
    case Source::kPauseExit:
      return pause_exited(shim);
    case Source::kPauseSync:
      return pause_spoke(shim);
    case Source::kMidwife:
      if (object != nullptr) midwife_ended(shim, *object);
      return;
    case Source::kObjectExit:
      if (object != nullptr) main_process_ended(shim, *object);
      return;
    case Source::kObjectSync:
      if (object != nullptr) child_spoke(shim, *object);
      return;
    case Source::kFollower:
      return shim.followers.hung_up(shim, index_of(key), generation_of(key));
    case Source::kStreams:
    case Source::kStdout:
    case Source::kStderr:
      return;
  }
}

void serve_streams(Shim& shim) {
  epoll_event events[kBatch];
  const int count = ::epoll_wait(shim.stream_events.get(), events, kBatch, 0);
  for (int i = 0; i < count; ++i) {
    const uint64_t key = events[i].data.u64;
    Object* object = object_of(shim, key);
    if (object == nullptr) continue;
    serve_stream(shim, *object, object->streams[source_of(key) == Source::kStdout ? 0 : 1]);
    finish_if_drained(shim, *object);
  }
}

/// Runs what is due. Leaves `timers_armed` on only when something still has a deadline.
void run_timers(Shim& shim) {
  if (!shim.timers_armed) return;
  shim.timers_armed = false;
  const int64_t now = monotonic_ns();
  for (uint32_t i = 0; i < shim.objects.limit(); ++i) {
    Object* object = shim.objects.at(i);
    if (object == nullptr) continue;
    rearm_streams(shim, *object, now);
    const bool is_stream_off = object->streams[0].rearm_at != kNever || object->streams[1].rearm_at != kNever;
    shim.timers_armed = shim.timers_armed || is_stream_off || object->ending || object->log_until != kNever;
    finish_if_drained(shim, *object);
    settle_opening(shim, i, now);
  }
}

int timeout_of(Shim& shim) {
  if (!shim.timers_armed) return shim.buffers.is_mapped() ? kIdleMilliseconds : -1;
  int64_t next = kNever;
  for (uint32_t i = 0; i < shim.objects.limit(); ++i) {
    const Object* object = shim.objects.at(i);
    if (object == nullptr) continue;
    const int64_t deadlines[] = {object->streams[0].rearm_at, object->streams[1].rearm_at,
                                 object->quiet_until,         object->drain_until,
                                 object->flush_until,         object->log_until};
    for (const int64_t deadline : deadlines) next = deadline < next ? deadline : next;
  }
  const int64_t now = monotonic_ns();
  if (next == kNever) return kIdleMilliseconds;
  return next <= now ? 0 : static_cast<int>((next - now) / kMillisecond) + 1;
}

}  // namespace

uint64_t event_key(Source source, const Object* object) {
  return object == nullptr ? event_key(source, 0, 0) : event_key(source, object->index, object->generation);
}

uint64_t event_key(Source source, uint32_t index, uint32_t generation) {
  return static_cast<uint64_t>(source) << 56 | uint64_t{index} << 40 | generation;
}

int supervise(Shim& shim) {
  epoll_event events[kBatch];
  while (!shim.leaving) {
    const int count = ::epoll_wait(shim.events.get(), events, kBatch, timeout_of(shim));
    if (count < 0 && errno != EINTR) {
      note("epoll_wait", errno);
      return 1;
    }
    if (count == 0 && !shim.timers_armed) release_idle_memory(shim);
    bool streams_ready = false;
    for (int i = 0; i < count; ++i) {
      const uint64_t key = events[i].data.u64;
      streams_ready = streams_ready || source_of(key) == Source::kStreams;
      dispatch(shim, key);
    }
    if (streams_ready) serve_streams(shim);
    run_timers(shim);
  }
  return 0;
}

}  // namespace berth::pid1
