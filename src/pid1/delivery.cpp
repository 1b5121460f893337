// SPDX-License-Identifier: Apache-2.0
#include "pid1/delivery.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pid1/birth.h"
#include "pid1/sys.h"

namespace berth::pid1 {

Delivery::~Delivery() {
  forget_report();
}

void Delivery::forget_report() {
  if (report_ != nullptr) ::munmap(report_, sizeof(Report));
  report_ = nullptr;
}

int Delivery::begin(Child& child, int join_pid) {
  // Not a pipe: the child must not have an end of it.
  void* const shared =
      ::mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return errno;
  report_ = static_cast<Report*>(shared);
  *report_ = {{plan::kFailedBeforeOps, ECHILD}, 0};
  int pidfd = -1;
  clone_args args = {};
  args.flags = CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  const uint32_t group = child.plan.header().into_cgroup_fd;
  if (is_born_late(child.plan) && group != plan::kNoFd) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<__u64>(child.fds[group]);
    child.in_cgroup = true;
  }
  const pid_t pid = sys::clone3(args);
  const int err = sys::error_of(pid);
  // Neither for her child, nor for those that are made meanwhile.
  ::madvise(report_, sizeof(Report), MADV_DONTFORK);
  if (pid == 0) {
    report_->failure = deliver(child, join_pid, CLONE_PARENT, report_->pid);
    ::_exit(0);
  }
  if (err != 0) forget_report();
  midwife_.reset(pidfd);
  return err;
}

plan::Failure Delivery::end(pid_t& pid) {
  pid = report_->pid;
  const plan::Failure failure = report_->failure;
  forget_report();
  return failure;
}

}  // namespace berth::pid1
