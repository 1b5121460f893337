// SPDX-License-Identifier: Apache-2.0
#include "pid1/birth.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "pid1/fd.h"
#include "pid1/netlink.h"
#include "pid1/ops.h"
#include "pid1/sync.h"
#include "pid1/sys.h"
#include "pid1/text.h"

namespace berth::pid1 {
namespace {

using plan::By;
using plan::OpKind;

constexpr uint64_t kNamespaceFlags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET |
                                     CLONE_NEWUSER | CLONE_NEWCGROUP | CLONE_NEWTIME;
constexpr plan::Failure kNoFailure = {plan::kFailedBeforeOps, 0};

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

/// What a child that is born has of its own; with CLONE_INTO_CGROUP also where it is born.
void close_all_of_the_host(Child& child, const clone_args& args, const Pipe& released) {
  constexpr uint32_t kOwn = 11;
  const bool into_cgroup = (args.flags & CLONE_INTO_CGROUP) != 0;
  int keep[kOwn + launch::kMaxPreserved] = {child.stdio[0],
                                            child.stdio[1],
                                            child.stdio[2],
                                            child.host_null,
                                            child.sync,
                                            child.gate,
                                            child.result,
                                            agent_of(child),
                                            released.read_end.get(),
                                            released.write_end.get(),
                                            into_cgroup ? static_cast<int>(args.cgroup) : -1};
  if (child.preserved_count != 0) memcpy(keep + kOwn, child.preserved, child.preserved_count * sizeof(int));
  close_all_but(keep, kOwn + child.preserved_count);
  // Nor our own streams, until it has its.
  for (int fd = 0; fd <= 2; ++fd) ::dup2(child.host_null, fd);
  child.root = child.proc = child.null_tree = child.empty_tree = child.pid_namespace = -1;
}

/// A child may not be born into a cgroup by somebody who has joined the cgroup namespace from outside
/// (ENOENT, where the hierarchy is mounted with nsdelegate): its midwife goes there first.
int enter_cgroup(Child& child) {
  const uint32_t group = child.plan.header().into_cgroup_fd;
  if (group == plan::kNoFd || child.in_cgroup) return 0;
  const Fd members(::openat(child.fds[group], "cgroup.procs", O_WRONLY | O_CLOEXEC));
  if (!members.is_open() || ::write(members.get(), "0", 1) != 1) return errno;
  child.in_cgroup = true;
  return 0;
}

/// From the namespace of the host, where they are, to the one that this process has just made.
plan::Failure move_links(const Child& child, int host) {
  const Fd own(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!own.is_open() || ::setns(host, CLONE_NEWNET) != 0) return {plan::kFailedBeforeOps, errno};
  for (uint32_t i = 0; i < child.plan.header().op_count; ++i) {
    const plan::Op& op = child.plan.op(i);
    if (op.by != By::kMidwifeAfter) continue;
    const int err = move_link(child.plan.text(op.text), child.plan.text(op.target), own.get(), -1);
    if (err != 0) return {i, err};
  }
  return {plan::kFailedBeforeOps, sys::error_of(::setns(own.get(), CLONE_NEWNET))};
}

plan::Failure make_namespaces(Child& child, clone_args& args) {
  const bool has_links = child.plan.find(OpKind::kMoveLink) != child.plan.header().op_count;
  const bool moves = has_links && (args.flags & CLONE_NEWNET) != 0;
  child.pid_namespace = ::open("/proc/self/ns/pid_for_children", O_RDONLY | O_CLOEXEC);
  const Fd host_net(moves ? ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC) : -1);
  if (child.pid_namespace < 0 || (moves && !host_net.is_open())) return {plan::kFailedBeforeOps, errno};
  if (::unshare(static_cast<int>(args.flags & kNamespaceFlags)) != 0) return {plan::kFailedBeforeOps, errno};
  args.flags &= ~kNamespaceFlags;
  return moves ? move_links(child, host_net.get()) : kNoFailure;
}

/// The midwife becomes what the child will be a copy of.
plan::Failure do_early_steps(Child& child, clone_args& args, const Pipe& released) {
  child.born_late = true;
  const plan::Failure failure = make_namespaces(child, args);
  if (failure.err != 0) return failure;
  for (uint32_t i = 0; i < child.plan.header().op_count; ++i) {
    const plan::Op& op = child.plan.op(i);
    const int err = op.by == By::kChild && is_early(op) ? run_op(child, op) : 0;
    if (err != 0) return {i, err};
  }
  close_all_of_the_host(child, args, released);
  return kNoFailure;
}

/// In the child: nothing before the midwife is done, and nothing at all if it fails. The word is its number.
[[noreturn]] void wait_and_run(Child& child, Pipe& released) {
  released.write_end.reset();
  if (::read(released.read_end.get(), &child.host_pid, sizeof child.host_pid) != sizeof child.host_pid)
    ::_exit(1);
  released.read_end.reset();
  run_child(child);
}

}  // namespace

bool is_born_late(const PlanView& plan) {
  if (plan.header().join_pid_fd == plan::kNoFd) return false;
  for (uint32_t i = 0; i < plan.header().op_count; ++i) {
    const plan::Op& op = plan.op(i);
    if (op.kind == OpKind::kBecomeRoot || op.kind == OpKind::kIdMaps || op.kind == OpKind::kSync)
      return false;
  }
  return true;
}

bool is_early(const plan::Op& op) {
  // A label needs the host's procfs, and is inherited.
  return op.phase <= plan::Phase::kMask || op.kind == OpKind::kLabel;
}

bool needs_midwife(const PlanView& plan) {
  if (is_born_late(plan)) return true;
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
  if (header.into_cgroup_fd != plan::kNoFd && !child.in_cgroup) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<__u64>(child.fds[header.into_cgroup_fd]);
  }
  return 0;
}

plan::Failure deliver(Child& child, int join_pid, uint64_t flags, pid_t& pid) {
  clone_args args = {};
  args.flags = flags;
  if ((flags & CLONE_PARENT) == 0) args.exit_signal = SIGCHLD;
  const bool late = is_born_late(child.plan);
  // Born late it need not wait, but an agent is told a number that it could not find out.
  const bool waits = !late || agent_of(child) >= 0;
  Pipe released;
  int err = late ? enter_cgroup(child) : 0;
  if (err == 0 && waits) err = released.open();
  if (err == 0) err = fill_clone_args(child, args);
  // Before a user namespace is joined, in which this right would be lost.
  if (err == 0 && join_pid >= 0) err = sys::error_of(::setns(join_pid, CLONE_NEWPID));
  if (err == 0) err = give_streams(child);
  if (err != 0) return {plan::kFailedBeforeOps, err};
  settle_child(child);
  plan::Failure failure = run_steps(child, By::kMidwifeBefore, 0);
  if (failure.err == 0 && late) failure = do_early_steps(child, args, released);
  if (failure.err != 0) return failure;
  args.flags |= CLONE_PARENT_SETTID;
  args.parent_tid = reinterpret_cast<uint64_t>(&pid);
  const pid_t born = sys::clone3(args);
  if (born == 0 && !waits) run_child(child);
  if (born == 0) wait_and_run(child, released);
  if (born < 0) return {plan::kFailedBeforeOps, errno};
  if (!late) failure = run_steps(child, By::kMidwifeAfter, born);
  if (failure.err == 0 && waits && ::write(released.write_end.get(), &born, sizeof born) != sizeof born)
    failure.err = errno;
  return failure;
}

}  // namespace berth::pid1
