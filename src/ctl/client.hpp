// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <api.pb.h>

#include <admin.pb.h>

#include <chrono>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "ctl/context.hpp"

namespace berth::ctl {

namespace cri = ::runtime::v1;

/// A connection to a CRI socket. Calls block until the answer or a deadline; errors carry the daemon's words.
class Client {
 public:
  /// kUnavailable, with the errno of connect(2), when nobody serves there.
  static Result<Client> open(const Context& context);
  Client(Client&& other) noexcept;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  Result<cri::VersionResponse> call(const cri::VersionRequest& request);
  Result<cri::StatusResponse> call(const cri::StatusRequest& request);
  Result<cri::RunPodSandboxResponse> call(const cri::RunPodSandboxRequest& request);
  Result<cri::StopPodSandboxResponse> call(const cri::StopPodSandboxRequest& request);
  Result<cri::RemovePodSandboxResponse> call(const cri::RemovePodSandboxRequest& request);
  Result<cri::PodSandboxStatusResponse> call(const cri::PodSandboxStatusRequest& request);
  Result<cri::ListPodSandboxResponse> call(const cri::ListPodSandboxRequest& request);
  Result<cri::CreateContainerResponse> call(const cri::CreateContainerRequest& request);
  Result<cri::StartContainerResponse> call(const cri::StartContainerRequest& request);
  Result<cri::StopContainerResponse> call(const cri::StopContainerRequest& request);
  Result<cri::RemoveContainerResponse> call(const cri::RemoveContainerRequest& request);
  Result<cri::ContainerStatusResponse> call(const cri::ContainerStatusRequest& request);
  Result<cri::ListContainersResponse> call(const cri::ListContainersRequest& request);
  Result<cri::ExecSyncResponse> call(const cri::ExecSyncRequest& request);
  Result<cri::ContainerStatsResponse> call(const cri::ContainerStatsRequest& request);
  Result<cri::ListContainerStatsResponse> call(const cri::ListContainerStatsRequest& request);
  Result<cri::ListImagesResponse> call(const cri::ListImagesRequest& request);
  Result<cri::ImageStatusResponse> call(const cri::ImageStatusRequest& request);
  Result<cri::PullImageResponse> call(const cri::PullImageRequest& request);
  Result<cri::RemoveImageResponse> call(const cri::RemoveImageRequest& request);
  Result<admin::v1::ImportImageResponse> call(const admin::v1::ImportImageRequest& request);
  Result<admin::v1::ResolveImageResponse> call(const admin::v1::ResolveImageRequest& request);
  Result<admin::v1::VerifyImageResponse> call(const admin::v1::VerifyImageRequest& request);
  Result<admin::v1::ExportImageResponse> call(const admin::v1::ExportImageRequest& request);

 private:
  struct Stubs;
  explicit Client(std::unique_ptr<Stubs> stubs);
  std::unique_ptr<Stubs> stubs_;
};

/// "/run/b.sock" for "unix:///run/b.sock", "unix:/run/b.sock" and itself.
std::string socket_path(const std::string& endpoint);

}  // namespace berth::ctl
