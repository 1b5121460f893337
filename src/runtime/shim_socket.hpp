// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <string>

#include "base/cat.hpp"

namespace berth::runtime {

/// Where a shim listens, named through a descriptor of the pod's directory: sun_path holds 107
/// characters, and a state directory may be deeper than that.
inline sockaddr_un shim_address(int pod_dir_fd) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = cat("/proc/self/fd/", pod_dir_fd, "/shim.sock");
  std::copy(path.begin(), path.end(), address.sun_path);
  return address;
}

}  // namespace berth::runtime
