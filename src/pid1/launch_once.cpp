// SPDX-License-Identifier: Apache-2.0
#include "pid1/launch_once.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pid1/birth.h"
#include "pid1/child.h"
#include "pid1/control.h"
#include "pid1/launch_protocol.h"
#include "pid1/plan_memory.h"
#include "pid1/sync.h"
#include "pid1/sys.h"

namespace berth::pid1 {
namespace {

using plan::OpKind;

int settle_launcher() {
  if (::fcntl(launch::kSocketFd, F_SETFD, FD_CLOEXEC) != 0) return errno;
  ::close_range(launch::kSocketFd + 1, ~0U, 0);
  // What the caller ignored or blocked must not become the container's.
  sys::default_every_signal();
  ::umask(0);
  // Whoever can see this process must not find the host's files through it.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return errno;
  return sys::error_of(::chdir("/"));
}

bool is_position(uint32_t position, size_t count) {
  return position == launch::kNoFd || position < count;
}

bool is_range(uint32_t first, uint32_t length, size_t count) {
  return length == 0 || (first < count && length <= count - first);
}

int parse(const Packet& packet, launch::Request& request) {
  if (packet.is_truncated() || packet.size() != sizeof request) return EBADMSG;
  memcpy(&request, packet.bytes(), sizeof request);
  const size_t count = packet.fd_count();
  if (request.magic != launch::kMagic) return EBADMSG;
  if (request.version != launch::kVersion) return EPROTONOSUPPORT;
  bool valid = request.plan_fd < count && is_range(request.first_plan_fd, request.plan_fd_count, count);
  for (const uint32_t position : request.stdio_fd) valid = valid && is_position(position, count);
  valid = valid && is_position(request.gate_fd, count) && is_position(request.result_fd, count);
  valid = valid && (request.gate_fd == launch::kNoFd) == (request.result_fd == launch::kNoFd);
  valid = valid && request.preserved_fd_count <= launch::kMaxPreserved;
  valid = valid && is_range(request.first_preserved_fd, request.preserved_fd_count, count);
  return valid ? 0 : EBADMSG;
}

/// A child of whoever started us. A PID namespace is joined by the children that are made after
/// setns; there is one, and no way back.
plan::Failure clone_sibling(Child& child, pid_t& pid) {
  const uint32_t join = child.plan.header().join_pid_fd;
  if (join == plan::kPodPid) return {plan::kFailedBeforeOps, EINVAL};
  const int join_pid = join == plan::kNoFd ? -1 : child.fds[join];
  // With it comes our own exit signal, SIGCHLD.
  if (needs_midwife(child.plan)) return deliver(child, join_pid, CLONE_PARENT, pid);
  clone_args args = {};
  args.flags = CLONE_PARENT;
  int err = fill_clone_args(child, args);
  if (err == 0) err = give_streams(child);
  if (err == 0 && join_pid >= 0) err = sys::error_of(::setns(join_pid, CLONE_NEWPID));
  if (err != 0) return {plan::kFailedBeforeOps, err};
  pid = sys::clone3(args);
  if (pid == 0) run_child(child);
  return {plan::kFailedBeforeOps, sys::error_of(pid)};
}

int at(const Packet& packet, uint32_t position) {
  return position == launch::kNoFd ? -1 : packet.fds()[position];
}

plan::Failure launch_child(const Packet& packet, const launch::Request& request, const PlanView& plan,
                           pid_t& pid) {
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  rlimit files = {};
  if (!null.is_open() || ::getrlimit(RLIMIT_NOFILE, &files) != 0) return {plan::kFailedBeforeOps, errno};
  Child child{
      plan,
      packet.fds() + (request.plan_fd_count == 0 ? 0 : request.first_plan_fd),
      launch::kSocketFd,
      {at(packet, request.stdio_fd[0]), at(packet, request.stdio_fd[1]), at(packet, request.stdio_fd[2])},
      null.get(),
      -1,
      -1,
      -1,
      -1,
      (request.flags & launch::kIsExec) != 0,
      files,
      nullptr};
  child.in_cgroup = (request.flags & launch::kInCgroup) != 0;
  child.gate = at(packet, request.gate_fd);
  child.result = at(packet, request.result_fd);
  child.preserved_count = request.preserved_fd_count;
  if (child.preserved_count != 0) child.preserved = packet.fds() + request.first_preserved_fd;
  return clone_sibling(child, pid);
}

plan::Failure launch_request(Packet& packet, pid_t& pid) {
  launch::Request request = {};
  const int err = parse(packet, request);
  if (err != 0) return {plan::kFailedBeforeOps, err};
  PlanMemory plan;
  {
    const Fd memfd = packet.take(request.plan_fd);
    const PlanVerdict verdict = plan.load(memfd.get(), request.plan_fd_count);
    if (verdict.err != 0) return {verdict.op_index, verdict.err};
  }
  return launch_child(packet, request, plan.view(), pid);
}

}  // namespace

int run_launch() {
  plan::Failure failure = {plan::kFailedBeforeOps, settle_launcher()};
  pid_t pid = 0;
  Packet packet;
  if (failure.err == 0 && packet.receive(launch::kSocketFd) != Packet::Outcome::kPacket) return 1;
  if (failure.err == 0) failure = launch_request(packet, pid);
  if (failure.err == 0) {
    send_sync(launch::kSocketFd, {SyncMessage::kLaunched, {}, pid});
  } else {
    send_sync(launch::kSocketFd, {SyncMessage::kFailed, failure, 0});
  }
  return failure.err == 0 ? 0 : 1;
}

}  // namespace berth::pid1
