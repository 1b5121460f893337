// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "pid1/child.h"
#include "pid1/fd.h"
#include "pid1/plan_format.h"

namespace berth::pid1 {

/// A birth by a midwife that is made for it, see birth.h; the child is the caller's own child all the
/// same. She may be frozen at any time, with the cgroup that she enters: nobody waits for her.
class Delivery {
 public:
  Delivery() = default;
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;
  ~Delivery();

  /// 0, or an errno; then nothing is under way.
  int begin(Child& child, int join_pid);
  /// Her pidfd, which is the caller's to close and she the caller's to reap.
  Fd& midwife() { return midwife_; }
  /// 0 until it is born. It may end before she does.
  pid_t child() const { return report_ == nullptr ? 0 : report_->pid; }
  /// After her end: what she said. There may be a child although she failed.
  plan::Failure end(pid_t& pid);

 private:
  struct Report {
    plan::Failure failure;
    pid_t pid;
  };
  void forget_report();

  Fd midwife_;
  Report* report_ = nullptr;  // shared with her
};

}  // namespace berth::pid1
