// SPDX-License-Identifier: Apache-2.0
#include "pid1/birth.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pid1/fd.h"
#include "pid1/netlink.h"
#include "pid1/ops.h"
#include "pid1/sys.h"
#include "pid1/text.h"

namespace berth::pid1 {
namespace {

using plan::By;
using plan::OpKind;

constexpr uint64_t kNamespaceFlags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET |
                                     CLONE_NEWUSER | CLONE_NEWCGROUP | CLONE_NEWTIME;
constexpr plan::Failure kNoFailure = {plan::kFailedBeforeOps, 0};

struct Report {
  plan::Failure failure;
  pid_t pid;
};

struct Pipe {
  Fd read_end, write_end;
  int open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return errno;
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
    return 0;
  }
};

int write_proc(pid_t pid, const char* file, const char* value) {
  Text<64> path;
  path.add("/proc/").number(static_cast<uint64_t>(pid)).add("/").add(file);
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.is_open()) return errno;
  const size_t length = strlen(value);
  return ::write(fd.get(), value, length) == static_cast<ssize_t>(length) ? 0 : errno;
}

int write_id_maps(const Child& child, const plan::Op& op, pid_t pid) {
  int err = op.mode == 1 ? write_proc(pid, "setgroups", "deny") : 0;
  if (err == 0) err = write_proc(pid, "gid_map", child.plan.text(op.target));
  if (err == 0) err = write_proc(pid, "uid_map", child.plan.text(op.text));
  return err;
}

int do_after(const Child& child, const plan::Op& op, pid_t pid) {
  switch (op.kind) {
    case OpKind::kIdMaps:
      return write_id_maps(child, op, pid);
    case OpKind::kMoveLink:
      return move_link(child.plan.text(op.text), child.plan.text(op.target), fd_of(child, op.fd), pid);
    default:
      return EBADMSG;
  }
}

int do_before(Child& child, const plan::Op& op) {
  if (op.kind != OpKind::kMoveLink) return run_op(child, op);
  return move_link(child.plan.text(op.text), child.plan.text(op.target), fd_of(child, op.fd), -1);
}

plan::Failure run_steps(Child& child, By by, pid_t pid) {
  for (uint32_t i = 0; i < child.plan.header().op_count; ++i) {
    const plan::Op& op = child.plan.op(i);
    if (op.by != by) continue;
    const int err = by == By::kMidwifeAfter ? do_after(child, op, pid) : do_before(child, op);
    if (err != 0) return {i, err};
  }
  return kNoFailure;
}

/// In the child: nothing before the midwife is done, and nothing at all if it fails.
[[noreturn]] void wait_and_run(Child& child, Pipe& released) {
  released.write_end.reset();
  char word = 0;
  if (::read(released.read_end.get(), &word, 1) != 1) ::_exit(1);
  run_child(child);
}

}  // namespace

bool needs_midwife(const PlanView& plan) {
  for (uint32_t i = 0; i < plan.header().op_count; ++i) {
    if (plan.op(i).by != By::kChild) return true;
  }
  return false;
}

int give_streams(const Child& child) {
  const uint32_t index = child.plan.find(OpKind::kStdio);
  if (index == child.plan.header().op_count || child.plan.op(index).mode != 1) return 0;
  for (const int fd : child.stdio) {
    const int err = fd < 0 ? 0 : own_pipe(fd, static_cast<uid_t>(child.plan.op(index).flags));
    if (err != 0) return err;
  }
  return 0;
}

int fill_clone_args(const Child& child, clone_args& args) {
  const plan::Header& header = child.plan.header();
  if ((header.clone_flags & ~kNamespaceFlags) != 0) return EINVAL;
  args.flags |= header.clone_flags;
  if (header.into_cgroup_fd != plan::kNoFd) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<__u64>(child.fds[header.into_cgroup_fd]);
  }
  return 0;
}

plan::Failure deliver(Child& child, int join_pid, uint64_t flags, pid_t& pid) {
  clone_args args = {};
  args.flags = flags;
  if ((flags & CLONE_PARENT) == 0) args.exit_signal = SIGCHLD;
  Pipe released;
  int err = fill_clone_args(child, args);
  if (err == 0) err = released.open();
  // Before a user namespace is joined, in which this right would be lost.
  if (err == 0 && join_pid >= 0) err = sys::error_of(::setns(join_pid, CLONE_NEWPID));
  if (err == 0) err = give_streams(child);
  if (err != 0) return {plan::kFailedBeforeOps, err};
  settle_child(child);
  plan::Failure failure = run_steps(child, By::kMidwifeBefore, 0);
  if (failure.err != 0) return failure;
  pid = sys::clone3(args);
  if (pid == 0) wait_and_run(child, released);
  if (pid < 0) return {plan::kFailedBeforeOps, errno};
  failure = run_steps(child, By::kMidwifeAfter, pid);
  if (failure.err == 0 && ::write(released.write_end.get(), "", 1) != 1) failure.err = errno;
  return failure;
}

plan::Failure deliver_by_another(Child& child, int join_pid, pid_t& pid) {
  Pipe report;
  const int err = report.open();
  if (err != 0) return {plan::kFailedBeforeOps, err};
  clone_args args = {};
  args.flags = CLONE_VFORK;  // waited for: it only makes system calls that end
  args.exit_signal = SIGCHLD;
  const pid_t midwife = sys::clone3(args);
  if (midwife < 0) return {plan::kFailedBeforeOps, errno};
  Report said = {{plan::kFailedBeforeOps, ECHILD}, 0};
  if (midwife == 0) {
    said.failure = deliver(child, join_pid, CLONE_PARENT, said.pid);
    [[maybe_unused]] const ssize_t written = ::write(report.write_end.get(), &said, sizeof said);
    ::_exit(0);
  }
  report.write_end.reset();
  siginfo_t info = {};
  sys::waitid(P_PID, midwife, &info, WEXITED, nullptr);
  if (::read(report.read_end.get(), &said, sizeof said) != sizeof said) return said.failure;
  pid = said.pid;
  return said.failure;
}

}  // namespace berth::pid1
