// SPDX-License-Identifier: Apache-2.0
#include "ctl/client.hpp"

#include <admin.grpc.pb.h>
#include <api.grpc.pb.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "base/cat.hpp"
#include "base/unique_fd.hpp"

namespace berth::ctl {
namespace {

constexpr std::chrono::seconds kShort{120};
constexpr std::chrono::seconds kLong{3600};  // what moves an image, or runs somebody's command
constexpr int kMaxMessage = 64 << 20;

Code code_of(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::INVALID_ARGUMENT:
      return Code::kInvalidArgument;
    case grpc::StatusCode::NOT_FOUND:
      return Code::kNotFound;
    case grpc::StatusCode::ALREADY_EXISTS:
      return Code::kAlreadyExists;
    case grpc::StatusCode::FAILED_PRECONDITION:
      return Code::kFailedPrecondition;
    case grpc::StatusCode::PERMISSION_DENIED:
      return Code::kPermissionDenied;
    case grpc::StatusCode::UNAUTHENTICATED:
      return Code::kPermissionDenied;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return Code::kResourceExhausted;
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return Code::kDeadlineExceeded;
    case grpc::StatusCode::CANCELLED:
      return Code::kCancelled;
    case grpc::StatusCode::UNAVAILABLE:
      return Code::kUnavailable;
    case grpc::StatusCode::UNIMPLEMENTED:
      return Code::kUnimplemented;
    case grpc::StatusCode::UNKNOWN:
      return Code::kUnknown;
    default:
      return Code::kInternal;
  }
}

/// gRPC would only say "failed to connect to all addresses".
Result<void> try_connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error(Code::kInvalidArgument, cat("the socket's path is too long: ", path));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return Error::from_errno(errno, "create", "a socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Error::from_errno(errno, "connect to", path).recode(Code::kUnavailable);
  }
  return {};
}

template <class Stub, class Service, class Request, class Response>
Result<Response> invoke(Stub& stub,
                        grpc::Status (Service::*method)(grpc::ClientContext*, const Request&, Response*),
                        const Request& request, std::chrono::seconds patience) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + patience);
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (status.ok()) return response;
  return Error(code_of(status.error_code()), status.error_message());
}

}  // namespace

struct Client::Stubs {
  std::unique_ptr<cri::RuntimeService::Stub> runtime;
  std::unique_ptr<cri::ImageService::Stub> image;
  std::unique_ptr<admin::v1::Admin::Stub> admin;
};

std::string socket_path(const std::string& endpoint) {
  for (const std::string_view scheme : {"unix://", "unix:"}) {
    if (endpoint.starts_with(scheme)) return endpoint.substr(scheme.size());
  }
  return endpoint;
}

Client::Client(std::unique_ptr<Stubs> stubs) : stubs_(std::move(stubs)) {}
Client::Client(Client&& other) noexcept = default;
Client::~Client() = default;

Result<Client> Client::open(const Context& context) {
  const std::string path = socket_path(context.socket);
  if (!path.starts_with('/')) {
    return Error(Code::kInvalidArgument, cat("--socket must be unix:///PATH, not \"", context.socket, "\""));
  }
  RETURN_IF_ERROR(try_connect(path));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessage);
  const auto channel =
      grpc::CreateCustomChannel(cat("unix:", path), grpc::InsecureChannelCredentials(), arguments);
  auto stubs = std::make_unique<Stubs>();
  stubs->runtime = cri::RuntimeService::NewStub(channel);
  stubs->image = cri::ImageService::NewStub(channel);
  stubs->admin = admin::v1::Admin::NewStub(channel);
  return Client(std::move(stubs));
}

Result<cri::VersionResponse> Client::call(const cri::VersionRequest& request) {
  return invoke(*stubs_->runtime, &cri::RuntimeService::Stub::Version, request, kShort);
}
Result<cri::RunPodSandboxResponse> Client::call(const cri::RunPodSandboxRequest& request) {
  return invoke(*stubs_->runtime, &cri::RuntimeService::Stub::RunPodSandbox, request, kShort);
}
Result<cri::StopPodSandboxResponse> Client::call(const cri::StopPodSandboxRequest& request) {
  return invoke(*stubs_->runtime, &cri::RuntimeService::Stub::StopPodSandbox, request, kShort);
}
Result<cri::RemovePodSandboxResponse> Client::call(const cri::RemovePodSandboxRequest& request) {
  return invoke(*stubs_->runtime, &cri::RuntimeService::Stub::RemovePodSandbox, request, kShort);
}
Result<cri::PodSandboxStatusResponse> Client::call(const cri::PodSandboxStatusRequest& request) {
  return invoke(*stubs_->runtime, &cri::RuntimeService::Stub::PodSandboxStatus, request, kShort);
}
Result<cri::ListPodSandboxResponse> Client::call(const cri::ListPodSandboxRequest& request) {
  return invoke(*stubs_->runtime, &cri::RuntimeService::Stub::ListPodSandbox, request, kShort);
}
Result<cri::CreateContainerResponse> Client::call(const cri::CreateContainerRequest& request) {
  return invoke(*stubs_->runtime, &cri::RuntimeService::Stub::CreateContainer, request, kShort);
}
Result<cri::StartContainerResponse> Client::call(const cri::StartContainerRequest& request) {
  return invoke(*stubs_->runtime, &cri::RuntimeService::Stub::StartContainer, request, kShort);
}
Result<cri::RemoveContainerResponse> Client::call(const cri::RemoveContainerRequest& request) {
  return invoke(*stubs_->runtime, &cri::RuntimeService::Stub::RemoveContainer, request, kShort);
}
Result<cri::ContainerStatusResponse> Client::call(const cri::ContainerStatusRequest& request) {
  return invoke(*stubs_->runtime, &cri::RuntimeService::Stub::ContainerStatus, request, kShort);
}
Result<cri::ListContainersResponse> Client::call(const cri::ListContainersRequest& request) {
  return invoke(*stubs_->runtime, &cri::RuntimeService::Stub::ListContainers, request, kShort);
}
Result<cri::ContainerStatsResponse> Client::call(const cri::ContainerStatsRequest& request) {
  return invoke(*stubs_->runtime, &cri::RuntimeService::Stub::ContainerStats, request, kShort);
}
Result<cri::ListContainerStatsResponse> Client::call(const cri::ListContainerStatsRequest& request) {
  return invoke(*stubs_->runtime, &cri::RuntimeService::Stub::ListContainerStats, request, kShort);
}
Result<cri::StatusResponse> Client::call(const cri::StatusRequest& request) {
  return invoke(*stubs_->runtime, &cri::RuntimeService::Stub::Status, request, kShort);
}
Result<cri::ListImagesResponse> Client::call(const cri::ListImagesRequest& request) {
  return invoke(*stubs_->image, &cri::ImageService::Stub::ListImages, request, kShort);
}
Result<cri::ImageStatusResponse> Client::call(const cri::ImageStatusRequest& request) {
  return invoke(*stubs_->image, &cri::ImageService::Stub::ImageStatus, request, kShort);
}
Result<cri::RemoveImageResponse> Client::call(const cri::RemoveImageRequest& request) {
  return invoke(*stubs_->image, &cri::ImageService::Stub::RemoveImage, request, kShort);
}
Result<cri::StopContainerResponse> Client::call(const cri::StopContainerRequest& request) {
  return invoke(*stubs_->runtime, &cri::RuntimeService::Stub::StopContainer, request,
                kShort + std::chrono::seconds(request.timeout()));
}
Result<cri::ExecSyncResponse> Client::call(const cri::ExecSyncRequest& request) {
  return invoke(*stubs_->runtime, &cri::RuntimeService::Stub::ExecSync, request,
                request.timeout() > 0 ? kShort + std::chrono::seconds(request.timeout()) : kLong);
}
Result<cri::PullImageResponse> Client::call(const cri::PullImageRequest& request) {
  return invoke(*stubs_->image, &cri::ImageService::Stub::PullImage, request, kLong);
}
Result<admin::v1::ImportImageResponse> Client::call(const admin::v1::ImportImageRequest& request) {
  return invoke(*stubs_->admin, &admin::v1::Admin::Stub::ImportImage, request, kLong);
}
Result<admin::v1::ResolveImageResponse> Client::call(const admin::v1::ResolveImageRequest& request) {
  return invoke(*stubs_->admin, &admin::v1::Admin::Stub::ResolveImage, request, kLong);
}
Result<admin::v1::VerifyImageResponse> Client::call(const admin::v1::VerifyImageRequest& request) {
  return invoke(*stubs_->admin, &admin::v1::Admin::Stub::VerifyImage, request, kLong);
}
Result<admin::v1::ExportImageResponse> Client::call(const admin::v1::ExportImageRequest& request) {
  return invoke(*stubs_->admin, &admin::v1::Admin::Stub::ExportImage, request, kLong);
}

}  // namespace berth::ctl
