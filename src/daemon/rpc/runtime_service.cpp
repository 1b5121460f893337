// SPDX-License-Identifier: Apache-2.0
#include "daemon/rpc/runtime_service.hpp"

#include "daemon/ops/container_queries.hpp"
#include "daemon/ops/create_container.hpp"
#include "daemon/ops/exec_sync.hpp"
#include "daemon/ops/node_queries.hpp"
#include "daemon/ops/pod_metrics.hpp"
#include "daemon/ops/pod_queries.hpp"
#include "daemon/ops/remove_container.hpp"
#include "daemon/ops/remove_pod_sandbox.hpp"
#include "daemon/ops/reopen_container_log.hpp"
#include "daemon/ops/run_pod_sandbox.hpp"
#include "daemon/ops/start_container.hpp"
#include "daemon/ops/stats_queries.hpp"
#include "daemon/ops/stop_container.hpp"
#include "daemon/ops/stop_pod_sandbox.hpp"
#include "daemon/ops/stream_urls.hpp"
#include "daemon/ops/update_container_resources.hpp"
#include "daemon/rpc/event_stream.hpp"
#include "daemon/rpc/list_stream.hpp"
#include "daemon/rpc/refuse.hpp"
#include "daemon/rpc/unary_call.hpp"

namespace berth::daemon::rpc {

using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

Reactor* RuntimeService::Version(Context* context, const cri::VersionRequest* request,
                                 cri::VersionResponse* response) {
  return serve(with_, context, lanes_.quick, "Version", true, request, response, version);
}
Reactor* RuntimeService::RunPodSandbox(Context* context, const cri::RunPodSandboxRequest* request,
                                       cri::RunPodSandboxResponse* response) {
  return serve(with_, context, lanes_.work, "RunPodSandbox", false, request, response, run_pod_sandbox);
}
Reactor* RuntimeService::StopPodSandbox(Context* context, const cri::StopPodSandboxRequest* request,
                                        cri::StopPodSandboxResponse* response) {
  return serve(with_, context, lanes_.work, "StopPodSandbox", false, request, response, stop_pod_sandbox);
}
Reactor* RuntimeService::RemovePodSandbox(Context* context, const cri::RemovePodSandboxRequest* request,
                                          cri::RemovePodSandboxResponse* response) {
  return serve(with_, context, lanes_.work, "RemovePodSandbox", false, request, response, remove_pod_sandbox);
}
Reactor* RuntimeService::PodSandboxStatus(Context* context, const cri::PodSandboxStatusRequest* request,
                                          cri::PodSandboxStatusResponse* response) {
  return serve(with_, context, lanes_.quick, "PodSandboxStatus", true, request, response, pod_sandbox_status);
}
Reactor* RuntimeService::ListPodSandbox(Context* context, const cri::ListPodSandboxRequest* request,
                                        cri::ListPodSandboxResponse* response) {
  return serve(with_, context, lanes_.quick, "ListPodSandbox", true, request, response, list_pod_sandbox);
}
grpc::ServerWriteReactor<cri::StreamPodSandboxesResponse>* RuntimeService::StreamPodSandboxes(
    Context* context, const cri::StreamPodSandboxesRequest* request) {
  return serve_in_pieces<cri::StreamPodSandboxesResponse>(with_, context, lanes_.quick, "StreamPodSandboxes",
                                                          request, list_pod_sandbox);
}
Reactor* RuntimeService::CreateContainer(Context* context, const cri::CreateContainerRequest* request,
                                         cri::CreateContainerResponse* response) {
  return serve(with_, context, lanes_.work, "CreateContainer", false, request, response, create_container);
}
Reactor* RuntimeService::StartContainer(Context* context, const cri::StartContainerRequest* request,
                                        cri::StartContainerResponse* response) {
  return serve(with_, context, lanes_.work, "StartContainer", false, request, response, start_container);
}
Reactor* RuntimeService::StopContainer(Context* context, const cri::StopContainerRequest* request,
                                       cri::StopContainerResponse* response) {
  return serve(with_, context, lanes_.work, "StopContainer", false, request, response, stop_container);
}
Reactor* RuntimeService::RemoveContainer(Context* context, const cri::RemoveContainerRequest* request,
                                         cri::RemoveContainerResponse* response) {
  return serve(with_, context, lanes_.work, "RemoveContainer", false, request, response, remove_container);
}
Reactor* RuntimeService::ListContainers(Context* context, const cri::ListContainersRequest* request,
                                        cri::ListContainersResponse* response) {
  return serve(with_, context, lanes_.quick, "ListContainers", true, request, response, list_containers);
}
grpc::ServerWriteReactor<cri::StreamContainersResponse>* RuntimeService::StreamContainers(
    Context* context, const cri::StreamContainersRequest* request) {
  return serve_in_pieces<cri::StreamContainersResponse>(with_, context, lanes_.quick, "StreamContainers",
                                                        request, list_containers);
}
Reactor* RuntimeService::ContainerStatus(Context* context, const cri::ContainerStatusRequest* request,
                                         cri::ContainerStatusResponse* response) {
  return serve(with_, context, lanes_.quick, "ContainerStatus", true, request, response, container_status);
}
Reactor* RuntimeService::UpdateContainerResources(Context* context,
                                                  const cri::UpdateContainerResourcesRequest* request,
                                                  cri::UpdateContainerResourcesResponse* response) {
  return serve(with_, context, lanes_.work, "UpdateContainerResources", false, request, response,
               update_container_resources);
}
Reactor* RuntimeService::ReopenContainerLog(Context* context, const cri::ReopenContainerLogRequest* request,
                                            cri::ReopenContainerLogResponse* response) {
  return serve(with_, context, lanes_.work, "ReopenContainerLog", false, request, response,
               reopen_container_log);
}
Reactor* RuntimeService::ExecSync(Context* context, const cri::ExecSyncRequest* request,
                                  cri::ExecSyncResponse* response) {
  return serve(with_, context, lanes_.work, "ExecSync", true, request, response, exec_sync);
}
Reactor* RuntimeService::Exec(Context* context, const cri::ExecRequest* request,
                              cri::ExecResponse* response) {
  return serve(with_, context, lanes_.quick, "Exec", false, request, response, exec);
}
Reactor* RuntimeService::Attach(Context* context, const cri::AttachRequest* request,
                                cri::AttachResponse* response) {
  return serve(with_, context, lanes_.quick, "Attach", false, request, response, attach);
}
Reactor* RuntimeService::PortForward(Context* context, const cri::PortForwardRequest* request,
                                     cri::PortForwardResponse* response) {
  return serve(with_, context, lanes_.quick, "PortForward", false, request, response, port_forward);
}
Reactor* RuntimeService::ContainerStats(Context* context, const cri::ContainerStatsRequest* request,
                                        cri::ContainerStatsResponse* response) {
  return serve(with_, context, lanes_.work, "ContainerStats", true, request, response, container_stats);
}
Reactor* RuntimeService::ListContainerStats(Context* context, const cri::ListContainerStatsRequest* request,
                                            cri::ListContainerStatsResponse* response) {
  return serve(with_, context, lanes_.work, "ListContainerStats", true, request, response,
               list_container_stats);
}
grpc::ServerWriteReactor<cri::StreamContainerStatsResponse>* RuntimeService::StreamContainerStats(
    Context* context, const cri::StreamContainerStatsRequest* request) {
  return serve_in_pieces<cri::StreamContainerStatsResponse>(
      with_, context, lanes_.work, "StreamContainerStats", request, list_container_stats);
}
Reactor* RuntimeService::PodSandboxStats(Context* context, const cri::PodSandboxStatsRequest* request,
                                         cri::PodSandboxStatsResponse* response) {
  return serve(with_, context, lanes_.work, "PodSandboxStats", true, request, response, pod_sandbox_stats);
}
Reactor* RuntimeService::ListPodSandboxStats(Context* context, const cri::ListPodSandboxStatsRequest* request,
                                             cri::ListPodSandboxStatsResponse* response) {
  return serve(with_, context, lanes_.work, "ListPodSandboxStats", true, request, response,
               list_pod_sandbox_stats);
}
grpc::ServerWriteReactor<cri::StreamPodSandboxStatsResponse>* RuntimeService::StreamPodSandboxStats(
    Context* context, const cri::StreamPodSandboxStatsRequest* request) {
  return serve_in_pieces<cri::StreamPodSandboxStatsResponse>(
      with_, context, lanes_.work, "StreamPodSandboxStats", request, list_pod_sandbox_stats);
}
Reactor* RuntimeService::UpdateRuntimeConfig(Context* context, const cri::UpdateRuntimeConfigRequest* request,
                                             cri::UpdateRuntimeConfigResponse* response) {
  return serve(with_, context, lanes_.quick, "UpdateRuntimeConfig", false, request, response,
               update_runtime_config);
}
Reactor* RuntimeService::Status(Context* context, const cri::StatusRequest* request,
                                cri::StatusResponse* response) {
  return serve(with_, context, lanes_.quick, "Status", true, request, response, status);
}
Reactor* RuntimeService::CheckpointContainer(Context* context, const cri::CheckpointContainerRequest*,
                                             cri::CheckpointContainerResponse*) {
  return refuse(context, "CheckpointContainer");
}
Reactor* RuntimeService::CheckpointPod(Context* context, const cri::CheckpointPodRequest*,
                                       cri::CheckpointPodResponse*) {
  return refuse(context, "CheckpointPod");
}
Reactor* RuntimeService::RestorePod(Context* context, const cri::RestorePodRequest*,
                                    cri::RestorePodResponse*) {
  return refuse(context, "RestorePod");
}
grpc::ServerWriteReactor<cri::ContainerEventResponse>* RuntimeService::GetContainerEvents(
    Context*, const cri::GetEventsRequest*) {
  return EventStream::start(with_, lanes_.events);
}
Reactor* RuntimeService::ListMetricDescriptors(Context* context,
                                               const cri::ListMetricDescriptorsRequest* request,
                                               cri::ListMetricDescriptorsResponse* response) {
  return serve(with_, context, lanes_.quick, "ListMetricDescriptors", true, request, response,
               list_metric_descriptors);
}
Reactor* RuntimeService::ListPodSandboxMetrics(Context* context,
                                               const cri::ListPodSandboxMetricsRequest* request,
                                               cri::ListPodSandboxMetricsResponse* response) {
  return serve(with_, context, lanes_.work, "ListPodSandboxMetrics", true, request, response,
               list_pod_sandbox_metrics);
}
grpc::ServerWriteReactor<cri::StreamPodSandboxMetricsResponse>* RuntimeService::StreamPodSandboxMetrics(
    Context* context, const cri::StreamPodSandboxMetricsRequest* request) {
  return serve_in_pieces<cri::StreamPodSandboxMetricsResponse>(
      with_, context, lanes_.work, "StreamPodSandboxMetrics", request, list_pod_sandbox_metrics);
}
Reactor* RuntimeService::RuntimeConfig(Context* context, const cri::RuntimeConfigRequest* request,
                                       cri::RuntimeConfigResponse* response) {
  return serve(with_, context, lanes_.quick, "RuntimeConfig", true, request, response, runtime_config);
}
Reactor* RuntimeService::UpdatePodSandboxResources(Context* context,
                                                   const cri::UpdatePodSandboxResourcesRequest*,
                                                   cri::UpdatePodSandboxResourcesResponse*) {
  return refuse(context, "UpdatePodSandboxResources");
}

}  // namespace berth::daemon::rpc
