// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "pid1/message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::size_t fd_count = size == 0 ? 0 : data[size - 1];
  berth::pid1::Request request;
  if (berth::pid1::parse_request(data, size, fd_count, request) != 0) return 0;
  if (request.header.type != berth::shim::Type::kLaunch) return 0;
  const berth::shim::Launch& launch = request.launch;
  if (launch.plan_fd >= fd_count || launch.plan_fd_count > fd_count) __builtin_trap();
  if (launch.log_dir_fd != berth::shim::kNoFd && std::strlen(launch.log_name) >= sizeof launch.log_name)
    __builtin_trap();
  return 0;
}
