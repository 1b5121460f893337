// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pid1/child.h"

namespace berth::pid1 {

/// Hands a filter's listener to the agent that answers it. From the moment that the filter is loaded
/// any system call of the child may be one that waits for the agent; so a thread that the filter does
/// not apply to does it, with descriptors of its own, and the child meanwhile only looks at memory.
class ListenerCourier {
 public:
  /// Before descriptors are closed: `op` names the agent's socket. 0, or an errno.
  int start(const Child& child, const plan::Op& op);
  /// The listener, or -1 when there is none. Returns when the agent has it: 0, or an errno.
  int hand_over(int listener);

 private:
  static int run(void* courier);
  int deliver(int listener) const;

  const char* text_ = nullptr;
  pid_t pid_ = 0;
  int agent_ = -1;
  int listener_ = kNone;
  int result_ = kNone;

  static constexpr int kNone = -2;
};

/// The number that /proc shows this process by; called while that is the host's.
pid_t pid_in_proc();

}  // namespace berth::pid1
