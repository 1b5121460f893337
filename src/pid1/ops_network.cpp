// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pid1/ops.h"
#include "pid1/sys.h"

namespace berth::pid1 {

int loopback_up(Child&, const plan::Op&) {
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  ifreq request = {};
  memcpy(request.ifr_name, "lo", 3);
  request.ifr_flags = IFF_UP;
  const int err = sys::error_of(::ioctl(fd, SIOCSIFFLAGS, &request));
  ::close(fd);
  return err;
}

}  // namespace berth::pid1
