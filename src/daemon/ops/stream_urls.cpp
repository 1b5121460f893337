// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/stream_urls.hpp"

#include "base/cat.hpp"

namespace berth::daemon {
namespace {

/// One terminal carries both outputs.
template <class Request>
Result<void> check_streams(const Request& request) {
  if (!request.stdin() && !request.stdout() && !request.stderr())
    return Error(Code::kInvalidArgument, "none of stdin, stdout and stderr is asked for");
  if (request.tty() && request.stderr())
    return Error(Code::kInvalidArgument, "tty and stderr exclude each other");
  return {};
}

Result<ContainerPtr> running_container(Services& with, const std::string& id) {
  ASSIGN_OR_RETURN(ContainerPtr container, with.containers.find(id));
  if (container->snapshot().state != cri::CONTAINER_RUNNING)
    return Error(Code::kFailedPrecondition, cat("container ", container->id(), " is not running"));
  return container;
}

}  // namespace

Result<void> exec(Services& with, const Call&, const cri::ExecRequest& request, cri::ExecResponse& response) {
  if (request.cmd().empty()) return Error(Code::kInvalidArgument, "cmd is empty");
  RETURN_IF_ERROR(check_streams(request));
  ASSIGN_OR_RETURN(const ContainerPtr container, running_container(with, request.container_id()));
  ASSIGN_OR_RETURN(*response.mutable_url(), with.streams.add(request));
  return {};
}

Result<void> attach(Services& with, const Call&, const cri::AttachRequest& request,
                    cri::AttachResponse& response) {
  RETURN_IF_ERROR(check_streams(request));
  ASSIGN_OR_RETURN(const ContainerPtr container, running_container(with, request.container_id()));
  ASSIGN_OR_RETURN(*response.mutable_url(), with.streams.add(request));
  return {};
}

Result<void> port_forward(Services& with, const Call&, const cri::PortForwardRequest& request,
                          cri::PortForwardResponse& response) {
  constexpr std::int32_t kMaxPort = 65535;
  for (const auto port : request.port()) {
    if (port < 1 || port > kMaxPort)
      return Error(Code::kInvalidArgument, cat("port ", port, " is not between 1 and 65535"));
  }
  ASSIGN_OR_RETURN(const PodPtr pod, with.pods.find(request.pod_sandbox_id()));
  if (!pod->status.lock()->ready)
    return Error(Code::kFailedPrecondition, cat("pod sandbox ", pod->id(), " is not ready"));
  ASSIGN_OR_RETURN(*response.mutable_url(), with.streams.add(request));
  return {};
}

}  // namespace berth::daemon
