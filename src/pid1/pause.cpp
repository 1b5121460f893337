// SPDX-License-Identifier: Apache-2.0
#include "pid1/pause.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pid1/note.h"
#include "pid1/pause_child.h"
#include "pid1/sync.h"
#include "pid1/sys.h"

namespace berth::pid1 {
namespace {

constexpr int kPatienceMs = 1000;  // what v1's freezer holds does not end

pid_t make_pause(clone_args args, const PauseChild& child) {
  if ((args.flags & CLONE_PARENT) == 0) args.exit_signal = SIGCHLD;
  const pid_t pid = sys::clone3(args);
  if (pid == 0) run_pause_child(child);
  return pid;
}

/// A PID namespace belongs to the user namespace that its maker is in: a process that goes there makes it
/// for the shim, and is gone. -1 with errno.
pid_t make_pause_inside(int user, clone_args args, const PauseChild& child) {
  struct Report {
    pid_t pid;
    int err;
  };
  void* const shared =
      ::mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return -1;
  Report* const report = static_cast<Report*>(shared);
  *report = {-1, ECHILD};
  clone_args plain = {};
  plain.exit_signal = SIGCHLD;
  const pid_t maker = sys::clone3(plain);
  if (maker == 0) {
    args.flags |= CLONE_PARENT;
    const pid_t pid = ::setns(user, CLONE_NEWUSER) == 0 ? make_pause(args, child) : -1;
    *report = {pid, errno};
    ::_exit(0);
  }
  siginfo_t info = {};
  int err = sys::error_of(maker);
  while (err == 0 && sys::waitid(P_PID, maker, &info, WEXITED, nullptr) != 0 && errno == EINTR) {
  }
  const Report told = *report;
  ::munmap(shared, sizeof(Report));
  errno = err != 0 ? err : told.err;
  return err != 0 ? -1 : told.pid;
}

/// What the launcher needs to know.
struct PauseBirth {
  clone_args args;
  const PauseChild& child;
  int user;
  pid_t pid;
};

int bear_pause(PauseBirth& birth) {
  birth.pid = birth.user < 0 ? make_pause(birth.args, birth.child)
                             : make_pause_inside(birth.user, birth.args, birth.child);
  return birth.pid < 0 ? errno : 0;
}

int clone_pause(Shim& shim, const shim::InitPod& request, const Packet& packet) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return errno;
  shim.pod.pause.sync.reset(pair[0]);
  const Fd child_end(pair[1]);
  const uint32_t count = request.cgroup_fd_count;
  const PauseChild child{child_end.get(),
                         shim.pod.net.get(),
                         shim.pod.ipc.get(),
                         shim.pod.uts.get(),
                         packet.fds() + (count == 0 ? 0 : request.first_cgroup_fd),
                         count};
  clone_args args = {};
  args.flags = CLONE_NEWPID | CLONE_NEWNS;
  if (request.into_cgroup_fd != shim::kNoFd) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<__u64>(packet.fds()[request.into_cgroup_fd]);
  }
  PauseBirth birth{args, child, shim.pod.user.get(), 0};
  const int err = shim.launcher.run<bear_pause>(birth);
  if (err != 0) return err;
  const pid_t pid = birth.pid;
  shim.pod.pause.pid = pid;
  // Our own child, and not waited for: its number is still its own.
  const int pidfd = sys::pidfd_open(pid);
  if (pidfd < 0) return errno;
  shim.pod.pause.pidfd.reset(pidfd);
  shim.pod.pause.start_time = start_time_of(pid);
  const int watched = watch(shim, shim.pod.pause.sync.get(), Source::kPauseSync);
  return watched != 0 ? watched : watch(shim, pidfd, Source::kPauseExit);
}

/// A pod that could not be initialised is as if it had never been asked for.
void forget_pod(Shim& shim) {
  end_pause(shim);
  shim.pod.initialised = false;
  shim.pod.net.reset();
  shim.pod.ipc.reset();
  shim.pod.uts.reset();
  shim.pod.user.reset();
}

void answer(Shim& shim, uint64_t seq) {
  const shim::InitPodReply reply = {shim.pod.pause.pid, 0, shim.pod.pause.start_time};
  shim.control.reply(seq, 0, shim::kNoOp, &reply, sizeof reply);
}

void pause_closed(Shim& shim) {
  Pause& pause = shim.pod.pause;
  const uint64_t seq = pause.seq;
  pause.seq = 0;
  unwatch(shim, pause.sync);
  if (pause.ready && seq != 0) answer(shim, seq);
  if (pause.ready) return;
  const int err = pause.err;
  forget_pod(shim);
  if (seq != 0) shim.control.reply(seq, err);
}

}  // namespace

void init_pod(Shim& shim, const Request& request, Packet& packet) {
  const uint64_t seq = request.header.seq;
  const shim::InitPod& wanted = request.init_pod;
  if (shim.pod.initialised) return void(shim.control.reply(seq, EALREADY));
  shim.pod.initialised = true;
  shim.pod.net = packet.take(wanted.net_fd);
  shim.pod.ipc = packet.take(wanted.ipc_fd);
  shim.pod.uts = packet.take(wanted.uts_fd);
  shim.pod.user = packet.take(wanted.user_fd);
  if (wanted.share_pid == 0) return answer(shim, seq);
  const int err = clone_pause(shim, wanted, packet);
  if (err == 0) {
    shim.pod.pause.seq = seq;
    return;
  }
  forget_pod(shim);
  shim.control.reply(seq, err);
}

void pause_spoke(Shim& shim) {
  Pause& pause = shim.pod.pause;
  while (pause.sync.is_open()) {
    SyncMessage message = {};
    Fd none;
    const ssize_t size = receive_sync(pause.sync.get(), message, none);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) return pause_closed(shim);
    pause.ready = message.kind == SyncMessage::kReady;
    if (message.kind == SyncMessage::kFailed) pause.err = message.failure.err;
  }
}

void pause_exited(Shim& shim) {
  if (shim.pod.pause.pid == 0) return;
  if (shim.pod.pause.sync.is_open()) return pause_spoke(shim);
  end_pause(shim);
  shim.control.event(shim::Type::kPauseExited);
}

void end_pause(Shim& shim) {
  Pause& pause = shim.pod.pause;
  if (pause.pidfd.is_open()) {
    sys::pidfd_send_signal(pause.pidfd.get(), SIGKILL);
    pollfd ended = {pause.pidfd.get(), POLLIN, 0};
    siginfo_t info = {};
    if (::poll(&ended, 1, kPatienceMs) != 1 ||
        sys::waitid(P_PIDFD, pause.pidfd.get(), &info, WEXITED | WNOHANG, nullptr) != 0)
      note("pause does not end", 0);
    unwatch(shim, pause.pidfd);
  }
  pause = Pause();
}

}  // namespace berth::pid1
