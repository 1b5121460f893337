// SPDX-License-Identifier: Apache-2.0
#include "pid1/message.h"

#include <errno.h>
#include <string.h>

#include "pid1/plan_format.h"

namespace berth::pid1 {
namespace {

using shim::Type;

bool is_id(const shim::ObjectId& id) {
  for (const char c : id.hex) {
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (!hex) return false;
  }
  return true;
}

bool is_fd(uint32_t fd, size_t fd_count) {
  return fd == shim::kNoFd || fd < fd_count;
}

bool is_fd_range(uint32_t first, uint32_t count, size_t fd_count) {
  return count == 0 || (first < fd_count && count <= fd_count - first);
}

bool check_init_pod(const shim::InitPod& pod, size_t fd_count) {
  return is_id(pod.pod) && is_fd(pod.net_fd, fd_count) && is_fd(pod.ipc_fd, fd_count) &&
         is_fd(pod.uts_fd, fd_count) && is_fd_range(pod.first_cgroup_fd, pod.cgroup_fd_count, fd_count) &&
         is_fd(pod.into_cgroup_fd, fd_count) && is_fd(pod.user_fd, fd_count);
}

bool check_launch(const shim::Launch& launch, size_t fd_count) {
  if (!is_id(launch.id) || launch.plan_fd >= fd_count) return false;
  if (launch.plan_fd_count > plan::kMaxFds ||
      !is_fd_range(launch.first_plan_fd, launch.plan_fd_count, fd_count)) {
    return false;
  }
  for (const uint32_t fd : launch.stdio_fd) {
    if ((launch.flags & shim::kGivenStdio) != 0 && !is_fd(fd, fd_count)) return false;
  }
  if (!is_fd(launch.log_dir_fd, fd_count) || !is_fd(launch.oom_fd, fd_count)) return false;
  if (!is_fd(launch.journal_fd, fd_count)) return false;
  if (launch.log_dir_fd == shim::kNoFd) return true;
  return launch.log_name[0] != '\0' && memchr(launch.log_name, 0, sizeof launch.log_name) != nullptr;
}

/// Size of what must follow the header; SIZE_MAX for a type that is no request.
size_t body_size(Type type) {
  switch (type) {
    case Type::kHello:
      return sizeof(shim::Hello);
    case Type::kInitPod:
      return sizeof(shim::InitPod);
    case Type::kLaunch:
      return sizeof(shim::Launch);
    case Type::kStart:
    case Type::kReopenLog:
    case Type::kRemove:
    case Type::kEndStdin:
      return sizeof(shim::ObjectRequest);
    case Type::kAttach:
      return sizeof(shim::Attach);
    case Type::kSignal:
      return sizeof(shim::SignalRequest);
    case Type::kResize:
      return sizeof(shim::ResizeRequest);
    case Type::kList:
    case Type::kShutdown:
      return 0;
    default:
      return SIZE_MAX;
  }
}

bool check_body(const Request& request, size_t fd_count) {
  switch (request.header.type) {
    case Type::kInitPod:
      return check_init_pod(request.init_pod, fd_count);
    case Type::kLaunch:
      return check_launch(request.launch, fd_count);
    case Type::kStart:
    case Type::kReopenLog:
    case Type::kRemove:
    case Type::kEndStdin:
      return is_id(request.object.id);
    case Type::kAttach:
      return is_id(request.attach.id) && is_fd(request.attach.out_fd, fd_count) &&
             is_fd(request.attach.err_fd, fd_count);
    case Type::kSignal:
      return is_id(request.signal.id);
    case Type::kResize:
      return is_id(request.resize.id);
    default:
      return true;
  }
}

}  // namespace

int parse_request(const unsigned char* bytes, size_t size, size_t fd_count, Request& request) {
  if (size < sizeof request.header) return EBADMSG;
  memcpy(&request.header, bytes, sizeof request.header);
  if (request.header.magic != shim::kMagic) return EBADMSG;
  const size_t needed = body_size(request.header.type);
  if (needed == SIZE_MAX) return EOPNOTSUPP;
  // The version is what a hello is there to find out.
  const bool version_known =
      request.header.version >= shim::kVersionMin && request.header.version <= shim::kVersionMax;
  if (!version_known && request.header.type != Type::kHello) return EPROTONOSUPPORT;
  if (size - sizeof request.header < needed) return EPROTO;
  memcpy(request.body, bytes + sizeof request.header, needed);
  return check_body(request, fd_count) ? 0 : EPROTO;
}

}  // namespace berth::pid1
