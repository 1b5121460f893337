// SPDX-License-Identifier: Apache-2.0
#include "pid1/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pid1/birth.h"
#include "pid1/child.h"
#include "pid1/clock.h"
#include "pid1/log_news.h"
#include "pid1/note.h"
#include "pid1/plan_memory.h"
#include "pid1/reap.h"
#include "pid1/sync.h"
#include "pid1/sys.h"

namespace berth::pid1 {
namespace {

using plan::OpKind;

/// The ends that the child gets.
struct ChildEnds {
  Fd sync;
  Fd stdio[3];
};

int make_pipe(Fd& read_end, Fd& write_end) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno;
  read_end.reset(ends[0]);
  write_end.reset(ends[1]);
  return 0;
}

int open_pipes(const shim::Launch& launch, Object& object, ChildEnds& ends) {
  int err = 0;
  for (int i = 0; i < 2 && err == 0; ++i) {
    err = make_pipe(object.streams[i].fd, ends.stdio[i + 1]);
    if (err == 0) err = sys::error_of(::fcntl(object.streams[i].fd.get(), F_SETFL, O_NONBLOCK));
  }
  object.streams[1].tag = LogStream::kStderr;
  if (err == 0 && (launch.flags & shim::kStdinPipe) != 0) err = make_pipe(ends.stdio[0], object.stdin_pipe);
  return err;
}

int open_stdio(const shim::Launch& launch, Packet& packet, Object& object, ChildEnds& ends) {
  if ((launch.flags & shim::kTerminal) != 0) return 0;
  if ((launch.flags & shim::kGivenStdio) == 0) return open_pipes(launch, object, ends);
  for (int i = 0; i < 3; ++i) ends.stdio[i] = packet.take(launch.stdio_fd[i]);
  return 0;
}

int open_sync(Object& object, ChildEnds& ends) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return errno;
  object.sync.reset(pair[0]);
  ends.sync.reset(pair[1]);
  return 0;
}

/// Gate and terminal are in the plan exactly when the request says so.
bool agrees(const PlanView& plan, uint32_t flags) {
  const uint32_t end = plan.header().op_count;
  const bool has_gate = plan.find(OpKind::kGate) != end;
  const bool has_terminal = plan.find(OpKind::kTerminal) != end;
  return has_gate == ((flags & shim::kExecObject) == 0) && has_terminal == ((flags & shim::kTerminal) != 0);
}

int descriptor(const Child& child, const Shim& shim, uint32_t fd) {
  return fd == plan::kPodPid ? shim.pod.pause.pidfd.get() : child.fds[fd];
}

/// What the launcher needs to know.
struct Birth {
  Shim& shim;
  Object& object;
  Child& child;
  int join_pid;
};

int begin_delivery(Birth& birth) {
  return birth.object.delivery.begin(birth.child, birth.join_pid);
}

/// Clones the child; returns in the shim only. A PID namespace is joined by the children that are
/// made after setns, so the launcher asks for it and takes it back at once.
int clone_itself(Birth& birth) {
  auto& [shim, object, child, join_pid] = birth;
  int pidfd = -1;
  clone_args args = {};
  args.flags = CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  int err = fill_clone_args(child, args);
  if (err == 0) err = give_streams(child);
  if (err == 0 && join_pid >= 0) err = sys::error_of(::setns(join_pid, CLONE_NEWPID));
  if (err != 0) return err;
  const pid_t pid = sys::clone3(args);
  err = sys::error_of(pid);
  if (pid == 0) run_child(child);
  if (join_pid >= 0 && ::setns(shim.own_pid_namespace.get(), CLONE_NEWPID) != 0) {
    note("cannot leave a container's PID namespace", errno);
    ::_exit(1);  // every later child would be born in it
  }
  if (err != 0) return err;
  object.pid = pid;
  object.pidfd.reset(pidfd);
  return 0;
}

/// The child is there: from now on it is heard.
int attend(Shim& shim, Object& object) {
  object.start_time = start_time_of(object.pid);
  int err = watch(shim, object.sync.get(), Source::kObjectSync, &object);
  if (err == 0) err = watch(shim, object.pidfd.get(), Source::kObjectExit, &object);
  if (err == 0) err = watch_streams(shim, object);
  return err;
}

int make_child(Shim& shim, Object& object, Child& child) {
  const uint32_t join = child.plan.header().join_pid_fd;
  const int join_pid = join == plan::kNoFd ? -1 : descriptor(child, shim, join);
  if (join != plan::kNoFd && join_pid < 0) return EBADF;
  Birth birth{shim, object, child, join_pid};
  if (!needs_midwife(child.plan)) {
    const int err = shim.launcher.run<clone_itself>(birth);
    return err != 0 ? err : attend(shim, object);
  }
  const int err = shim.launcher.run<begin_delivery>(birth);
  return err != 0 ? err : watch(shim, object.delivery.midwife().get(), Source::kMidwife, &object);
}

int make_child(Shim& shim, const shim::Launch& launch, const Packet& packet, const PlanView& plan,
               Object& object, const ChildEnds& ends) {
  Child child{plan,
              packet.fds() + (launch.plan_fd_count == 0 ? 0 : launch.first_plan_fd),
              ends.sync.get(),
              {ends.stdio[0].get(), ends.stdio[1].get(), ends.stdio[2].get()},
              shim.null.get(),
              shim.pod.net.get(),
              shim.pod.ipc.get(),
              shim.pod.uts.get(),
              shim.pod.user.get(),
              object.is_exec(),
              shim.nofile,
              shim.oom_score_adj[0] != '\0' ? shim.oom_score_adj : nullptr};
  return make_child(shim, object, child);
}

int prepare_child(Shim& shim, const shim::Launch& launch, Packet& packet, const PlanView& plan,
                  Object& object) {
  int err = 0;
  if (launch.log_dir_fd != shim::kNoFd && !object.is_exec()) {
    err = object.log.open(packet.take(launch.log_dir_fd), launch.log_name,
                          {launch.log_max_size, launch.log_max_files, (launch.flags & shim::kLogWaits) != 0},
                          shim.log_news.get());
    await_opening(shim, object);
  }
  if (launch.journal_fd != shim::kNoFd)
    object.journal.open(packet.take(launch.journal_fd), launch.journal_fields);
  object.oom = packet.take(launch.oom_fd);
  ChildEnds ends;
  if (err == 0) err = open_stdio(launch, packet, object, ends);
  if (err == 0) err = open_sync(object, ends);
  if (err == 0) err = make_child(shim, launch, packet, plan, object, ends);
  return err;
}

void answer_launched(Shim& shim, Object& object) {
  if (object.launch_seq == 0) return;
  const shim::LaunchReply reply = {object.pid, 0, object.start_time};
  const uint64_t seq = object.launch_seq;
  object.launch_seq = 0;
  Fd& master = object.streams[0].fd;
  const bool hands_over = object.is_exec() && object.streams[0].is_terminal;
  shim.control.reply(seq, 0, shim::kNoOp, &reply, sizeof reply, hands_over ? master.get() : -1);
  if (hands_over) master.reset();
}

/// The sync socket is closed: by execve if the child announced it, else by the child's death, which
/// is seen here before there is a zombie.
void child_closed(Shim& shim, Object& object) {
  unwatch(shim, object.sync);
  const bool executed = !object.failed && object.said_execing;
  const int err = object.failed ? object.failure.err : ECHILD;
  const uint32_t op_index = object.failed ? object.failure.op_index : shim::kNoOp;
  if (executed) {
    object.phase = shim::Phase::kRunning;
    object.started_ns = realtime_ns();
    answer_launched(shim, object);
    if (object.start_seq != 0) shim.control.reply(object.start_seq, 0);
  } else if (object.phase == shim::Phase::kLaunching || object.launch_seq != 0) {
    if (object.launch_seq != 0) shim.control.reply(object.launch_seq, err, op_index);
    return discard(shim, object);
  } else if (object.start_seq != 0) {
    // The process's end follows, and with it the exit record of a container that never started.
    shim.control.reply(object.start_seq, err, op_index);
  }
  object.start_seq = 0;
}

void adopt_terminal(Shim& shim, Object& object, Fd master) {
  Stream& stream = object.streams[0];
  stream.fd = static_cast<Fd&&>(master);
  stream.is_terminal = true;
  ::fcntl(stream.fd.get(), F_SETFL, O_NONBLOCK);
  if (object.is_exec()) return;  // the daemon's, as all that an exec reads and writes
  const int err = watch(shim, stream.fd.get(), Source::kStdout, &object);
  if (err != 0) note("cannot watch a terminal", err);
}

void take_message(Shim& shim, Object& object, const SyncMessage& message, Fd fd) {
  switch (message.kind) {
    case SyncMessage::kReady:
      object.phase = shim::Phase::kCreated;
      if (object.log_until == kNever) answer_launched(shim, object);
      return;
    case SyncMessage::kTerminal:
      return adopt_terminal(shim, object, static_cast<Fd&&>(fd));
    case SyncMessage::kExecing:
      object.said_execing = true;
      return;
    case SyncMessage::kFailed:
      object.failed = true;
      object.failure = message.failure;
      return;
    default:
      return;
  }
}

}  // namespace

void launch_object(Shim& shim, const Request& request, Packet& packet) {
  const shim::Launch& launch = request.launch;
  const uint64_t seq = request.header.seq;
  if (shim.objects.find(launch.id) != nullptr) return void(shim.control.reply(seq, EEXIST));
  PlanMemory plan;
  {
    const Fd memfd = packet.take(launch.plan_fd);
    const PlanVerdict verdict = plan.load(memfd.get(), launch.plan_fd_count);
    if (verdict.err != 0) return void(shim.control.reply(seq, verdict.err, verdict.op_index));
  }
  if (!agrees(plan.view(), launch.flags))
    return void(shim.control.reply(seq, EINVAL, plan::kFailedBeforeOps));
  Object* object = shim.objects.add((launch.flags & shim::kExecObject) != 0);
  if (object == nullptr) return void(shim.control.reply(seq, errno));
  object->id = launch.id;
  object->flags = launch.flags;
  object->launch_seq = seq;
  const int err = prepare_child(shim, launch, packet, plan.view(), *object);
  if (err == 0) return;
  shim.control.reply(seq, err, plan::kFailedBeforeOps);
  discard(shim, *object);
}

void log_opened(Shim& shim, Object& object, int err) {
  object.has_log = err == 0;
  if (err == 0 && object.phase == shim::Phase::kCreated) return answer_launched(shim, object);
  if (err == 0) return;
  if (object.launch_seq != 0) shim.control.reply(object.launch_seq, err, shim::kOpenLog);
  discard(shim, object);
}

void midwife_ended(Shim& shim, Object& object) {
  unwatch(shim, object.delivery.midwife());  // reaped like any orphan
  plan::Failure failure = object.delivery.end(object.pid);
  // Our own child, and not waited for: its number is still its own.
  if (object.pid > 0) object.pidfd.reset(sys::pidfd_open(object.pid));
  if (failure.err == 0 && !object.pidfd.is_open()) failure.err = errno;
  if (failure.err == 0) failure.err = attend(shim, object);
  if (failure.err == 0) return;
  if (object.launch_seq != 0) shim.control.reply(object.launch_seq, failure.err, failure.op_index);
  discard(shim, object);
}

int start_object(Shim&, Object& object, uint64_t seq) {
  if (object.phase != shim::Phase::kCreated || object.start_seq != 0) return EINVAL;
  const SyncMessage go = {SyncMessage::kGo, {}};
  if (::send(object.sync.get(), &go, sizeof go, MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof go) return ECHILD;
  object.start_seq = seq;
  return 0;
}

void child_spoke(Shim& shim, Object& object) {
  for (;;) {
    SyncMessage message = {};
    Fd fd;
    const ssize_t size = receive_sync(object.sync.get(), message, fd);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) return child_closed(shim, object);
    take_message(shim, object, message, static_cast<Fd&&>(fd));
  }
}

}  // namespace berth::pid1
