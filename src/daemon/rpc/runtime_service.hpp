// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "api.grpc.pb.h"
#include "base/lane.hpp"
#include "daemon/cri.hpp"
#include "daemon/ops/services.hpp"
#include "daemon/rpc/lanes.hpp"

namespace berth::daemon::rpc {

/// The CRI's RuntimeService: each RPC names its lane and its operation, or says that it is not
/// implemented. No logic here.
class RuntimeService final : public cri::RuntimeService::CallbackService {
 public:
  RuntimeService(Services& with, Lanes& lanes) : with_(with), lanes_(lanes) {}

  grpc::ServerUnaryReactor* Version(grpc::CallbackServerContext* context, const cri::VersionRequest* request,
                                    cri::VersionResponse* response) override;
  grpc::ServerUnaryReactor* RunPodSandbox(grpc::CallbackServerContext* context,
                                          const cri::RunPodSandboxRequest* request,
                                          cri::RunPodSandboxResponse* response) override;
  grpc::ServerUnaryReactor* StopPodSandbox(grpc::CallbackServerContext* context,
                                           const cri::StopPodSandboxRequest* request,
                                           cri::StopPodSandboxResponse* response) override;
  grpc::ServerUnaryReactor* RemovePodSandbox(grpc::CallbackServerContext* context,
                                             const cri::RemovePodSandboxRequest* request,
                                             cri::RemovePodSandboxResponse* response) override;
  grpc::ServerUnaryReactor* PodSandboxStatus(grpc::CallbackServerContext* context,
                                             const cri::PodSandboxStatusRequest* request,
                                             cri::PodSandboxStatusResponse* response) override;
  grpc::ServerUnaryReactor* ListPodSandbox(grpc::CallbackServerContext* context,
                                           const cri::ListPodSandboxRequest* request,
                                           cri::ListPodSandboxResponse* response) override;
  grpc::ServerWriteReactor<cri::StreamPodSandboxesResponse>* StreamPodSandboxes(
      grpc::CallbackServerContext* context, const cri::StreamPodSandboxesRequest* request) override;
  grpc::ServerUnaryReactor* CreateContainer(grpc::CallbackServerContext* context,
                                            const cri::CreateContainerRequest* request,
                                            cri::CreateContainerResponse* response) override;
  grpc::ServerUnaryReactor* StartContainer(grpc::CallbackServerContext* context,
                                           const cri::StartContainerRequest* request,
                                           cri::StartContainerResponse* response) override;
  grpc::ServerUnaryReactor* StopContainer(grpc::CallbackServerContext* context,
                                          const cri::StopContainerRequest* request,
                                          cri::StopContainerResponse* response) override;
  grpc::ServerUnaryReactor* RemoveContainer(grpc::CallbackServerContext* context,
                                            const cri::RemoveContainerRequest* request,
                                            cri::RemoveContainerResponse* response) override;
  grpc::ServerUnaryReactor* ListContainers(grpc::CallbackServerContext* context,
                                           const cri::ListContainersRequest* request,
                                           cri::ListContainersResponse* response) override;
  grpc::ServerWriteReactor<cri::StreamContainersResponse>* StreamContainers(
      grpc::CallbackServerContext* context, const cri::StreamContainersRequest* request) override;
  grpc::ServerUnaryReactor* ContainerStatus(grpc::CallbackServerContext* context,
                                            const cri::ContainerStatusRequest* request,
                                            cri::ContainerStatusResponse* response) override;
  grpc::ServerUnaryReactor* UpdateContainerResources(
      grpc::CallbackServerContext* context, const cri::UpdateContainerResourcesRequest* request,
      cri::UpdateContainerResourcesResponse* response) override;
  grpc::ServerUnaryReactor* ReopenContainerLog(grpc::CallbackServerContext* context,
                                               const cri::ReopenContainerLogRequest* request,
                                               cri::ReopenContainerLogResponse* response) override;
  grpc::ServerUnaryReactor* ExecSync(grpc::CallbackServerContext* context,
                                     const cri::ExecSyncRequest* request,
                                     cri::ExecSyncResponse* response) override;
  grpc::ServerUnaryReactor* Exec(grpc::CallbackServerContext* context, const cri::ExecRequest* request,
                                 cri::ExecResponse* response) override;
  grpc::ServerUnaryReactor* Attach(grpc::CallbackServerContext* context, const cri::AttachRequest* request,
                                   cri::AttachResponse* response) override;
  grpc::ServerUnaryReactor* PortForward(grpc::CallbackServerContext* context,
                                        const cri::PortForwardRequest* request,
                                        cri::PortForwardResponse* response) override;
  grpc::ServerUnaryReactor* ContainerStats(grpc::CallbackServerContext* context,
                                           const cri::ContainerStatsRequest* request,
                                           cri::ContainerStatsResponse* response) override;
  grpc::ServerUnaryReactor* ListContainerStats(grpc::CallbackServerContext* context,
                                               const cri::ListContainerStatsRequest* request,
                                               cri::ListContainerStatsResponse* response) override;
  grpc::ServerWriteReactor<cri::StreamContainerStatsResponse>* StreamContainerStats(
      grpc::CallbackServerContext* context, const cri::StreamContainerStatsRequest* request) override;
  grpc::ServerUnaryReactor* PodSandboxStats(grpc::CallbackServerContext* context,
                                            const cri::PodSandboxStatsRequest* request,
                                            cri::PodSandboxStatsResponse* response) override;
  grpc::ServerUnaryReactor* ListPodSandboxStats(grpc::CallbackServerContext* context,
                                                const cri::ListPodSandboxStatsRequest* request,
                                                cri::ListPodSandboxStatsResponse* response) override;
  grpc::ServerWriteReactor<cri::StreamPodSandboxStatsResponse>* StreamPodSandboxStats(
      grpc::CallbackServerContext* context, const cri::StreamPodSandboxStatsRequest* request) override;
  grpc::ServerUnaryReactor* UpdateRuntimeConfig(grpc::CallbackServerContext* context,
                                                const cri::UpdateRuntimeConfigRequest* request,
                                                cri::UpdateRuntimeConfigResponse* response) override;
  grpc::ServerUnaryReactor* Status(grpc::CallbackServerContext* context, const cri::StatusRequest* request,
                                   cri::StatusResponse* response) override;
  grpc::ServerUnaryReactor* CheckpointContainer(grpc::CallbackServerContext* context,
                                                const cri::CheckpointContainerRequest* request,
                                                cri::CheckpointContainerResponse* response) override;
  grpc::ServerUnaryReactor* CheckpointPod(grpc::CallbackServerContext* context,
                                          const cri::CheckpointPodRequest* request,
                                          cri::CheckpointPodResponse* response) override;
  grpc::ServerUnaryReactor* RestorePod(grpc::CallbackServerContext* context,
                                       const cri::RestorePodRequest* request,
                                       cri::RestorePodResponse* response) override;
  grpc::ServerWriteReactor<cri::ContainerEventResponse>* GetContainerEvents(
      grpc::CallbackServerContext* context, const cri::GetEventsRequest* request) override;
  grpc::ServerUnaryReactor* ListMetricDescriptors(grpc::CallbackServerContext* context,
                                                  const cri::ListMetricDescriptorsRequest* request,
                                                  cri::ListMetricDescriptorsResponse* response) override;
  grpc::ServerUnaryReactor* ListPodSandboxMetrics(grpc::CallbackServerContext* context,
                                                  const cri::ListPodSandboxMetricsRequest* request,
                                                  cri::ListPodSandboxMetricsResponse* response) override;
  grpc::ServerWriteReactor<cri::StreamPodSandboxMetricsResponse>* StreamPodSandboxMetrics(
      grpc::CallbackServerContext* context, const cri::StreamPodSandboxMetricsRequest* request) override;
  grpc::ServerUnaryReactor* RuntimeConfig(grpc::CallbackServerContext* context,
                                          const cri::RuntimeConfigRequest* request,
                                          cri::RuntimeConfigResponse* response) override;
  grpc::ServerUnaryReactor* UpdatePodSandboxResources(
      grpc::CallbackServerContext* context, const cri::UpdatePodSandboxResourcesRequest* request,
      cri::UpdatePodSandboxResourcesResponse* response) override;

 private:
  Services& with_;
  Lanes& lanes_;
};

}  // namespace berth::daemon::rpc
