// SPDX-License-Identifier: Apache-2.0
#include "pid1/sys.h"

#include <errno.h>

namespace berth::pid1::sys {

int error_of(long rc) {
  return rc < 0 ? errno : 0;
}

}  // namespace berth::pid1::sys
