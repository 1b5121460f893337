// SPDX-License-Identifier: Apache-2.0
#include "pid1/reap.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "pid1/clock.h"
#include "pid1/exit_record.h"
#include "pid1/launch.h"
#include "pid1/note.h"
#include "pid1/sys.h"

namespace berth::pid1 {
namespace {

constexpr int64_t kQuiet = 100 * kMillisecond;
constexpr int64_t kMaxDrain = 2000 * kMillisecond;
constexpr int64_t kMaxFlush = 10000 * kMillisecond;

bool is_tracked(Shim& shim, pid_t pid) {
  if (pid == shim.pod.pause.pid) return true;
  for (uint32_t i = 0; i < shim.objects.limit(); ++i) {
    const Object* object = shim.objects.at(i);
    if (object == nullptr || !object->is_alive()) continue;
    if (object->pid == pid || object->delivery.child() == pid) return true;
  }
  return false;
}

bool is_drained(const Object& object, int64_t now) {
  if (!object.has_open_stream()) return true;
  if (object.streams[0].waits_for_log || object.streams[1].waits_for_log) return false;
  return now >= object.quiet_until || now >= object.drain_until;
}

/// What the disk does not take is dropped, with what is still in the pipes, and all of it counted.
void give_up_log(Shim& shim, Object& object) {
  object.log.give_up();
  for (Stream& stream : object.streams) serve_stream(shim, object, stream);
  (void)flush_tails(object);
}

void finish(Shim& shim, Object& object) {
  object.ending = false;
  object.quiet_until = kNever;
  object.drain_until = kNever;
  object.flush_until = kNever;
  shim.followers.drop_all(object);
  object.exit.log_bytes_dropped = object.log.dropped();
  object.exit.oom_kills = read_oom_kills(object.oom.get());
  if (!object.is_exec()) {
    const int err = write_exit_record(shim.directory.get(), object.id, object.exit);
    if (err != 0) note("cannot write an exit record", err);
  }
  siginfo_t info = {};
  sys::waitid(P_PIDFD, object.pidfd.get(), &info, WEXITED, nullptr);
  object.phase = shim::Phase::kExited;
  object.pidfd.reset();
  object.stdin_pipe.reset();
  object.oom.reset();
  const shim::ObjectState state = object.state();
  const bool sent = shim.control.event(shim::Type::kExited, &state, sizeof state);
  // An exec whose end nobody heard of stays for the next kList.
  if (object.is_exec() && sent) shim.objects.remove(object);
  reap_orphans(shim);
}

}  // namespace

void main_process_ended(Shim& shim, Object& object) {
  // What the child said last is in the socket; it decides whether this was a program's end at all.
  const uint32_t index = object.index;
  const uint32_t generation = object.generation;
  if (object.sync.is_open()) child_spoke(shim, object);
  if (shim.objects.at(index, generation) == nullptr || object.ending) return;
  siginfo_t info = {};
  rusage usage = {};
  if (sys::waitid(P_PIDFD, object.pidfd.get(), &info, WEXITED | WNOWAIT | WNOHANG, &usage) != 0 ||
      info.si_pid == 0) {
    return;
  }
  ::epoll_ctl(shim.events.get(), EPOLL_CTL_DEL, object.pidfd.get(), nullptr);
  fill_exit_record(object.exit, info, usage);
  object.exit.started_ns = object.started_ns;
  object.exit.never_started = object.phase == shim::Phase::kRunning ? 0 : 1;
  object.exit.finished_ns = realtime_ns();
  const int64_t now = monotonic_ns();
  object.ending = true;
  object.quiet_until = now + kQuiet;
  object.drain_until = now + kMaxDrain;
  object.flush_until = now + kMaxFlush;
  shim.timers_armed = true;
  rearm_streams(shim, object, now);
  finish_if_drained(shim, object);
}

void finish_if_drained(Shim& shim, Object& object) {
  if (!object.ending) return;
  const int64_t now = monotonic_ns();
  if (now >= object.flush_until || object.log.is_stuck()) {
    give_up_log(shim, object);
  } else if (!is_drained(object, now) || !flush_tails(object) || !object.log.is_flushed()) {
    return;
  }
  finish(shim, object);
}

void reap_orphans(Shim& shim) {
  for (;;) {
    siginfo_t info = {};
    // First a look: a zombie that is a main process keeps its status until its output is read. It
    // hides those behind it; they are looked for again when it is finished.
    if (sys::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT, nullptr) != 0) return;
    if (info.si_pid == 0 || is_tracked(shim, info.si_pid)) return;
    siginfo_t reaped = {};
    sys::waitid(P_PID, info.si_pid, &reaped, WEXITED | WNOHANG, nullptr);
  }
}

void discard(Shim& shim, Object& object) {
  sys::pidfd_send_signal(object.pidfd.get(), SIGKILL);
  sys::pidfd_send_signal(object.delivery.midwife().get(), SIGKILL);
  unwatch(shim, object.delivery.midwife());
  unwatch(shim, object.pidfd);
  unwatch(shim, object.sync);
  for (Stream& stream : object.streams) unwatch(shim, stream.fd);
  shim.objects.remove(object);
  reap_orphans(shim);
}

}  // namespace berth::pid1
