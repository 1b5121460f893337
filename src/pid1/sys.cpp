// SPDX-License-Identifier: Apache-2.0
#include "pid1/sys.h"

#include <errno.h>

namespace berth::pid1::sys {

int error_of(long rc) {
  return rc < 0 ? errno : 0;
}

void default_every_signal() {
  constexpr int kLast = 64;
  const uint64_t action[4] = {};  // the kernel's: handler, flags, restorer, mask
  for (int number = 1; number <= kLast; ++number)
    ::syscall(SYS_rt_sigaction, number, action, nullptr, sizeof(uint64_t));
}

}  // namespace berth::pid1::sys
