// SPDX-License-Identifier: Apache-2.0
#include "node_client.hpp"

#include <unistd.h>

#include <stdexcept>

namespace berth::bench {

void NodeClient::call(const std::string& method, const google::protobuf::Message& request,
                      google::protobuf::Message& response) {
  const auto outcome = client_.call(method, request, response, std::chrono::minutes(5));
  if (!outcome.ok()) throw std::runtime_error(method + ": " + outcome.code + ": " + outcome.message);
}

NodeClient::Pod NodeClient::run_pod(bool host_network) {
  cri::RunPodSandboxRequest request;
  auto* config = request.mutable_config();
  const std::string number = std::to_string(::getpid()) + "-" + std::to_string(++count_);
  config->mutable_metadata()->set_name("bench-" + number);
  config->mutable_metadata()->set_namespace_("bench");
  config->mutable_metadata()->set_uid("uid-" + number);
  if (!options_.log_dir.empty()) config->set_log_directory(options_.log_dir + "/" + number);
  if (!options_.cgroup_parent.empty())
    config->mutable_linux()->set_cgroup_parent(options_.cgroup_parent + "/pod-" + number);
  auto* namespaces = config->mutable_linux()->mutable_security_context()->mutable_namespace_options();
  namespaces->set_network(host_network ? cri::NODE : cri::POD);
  namespaces->set_pid(cri::CONTAINER);
  cri::RunPodSandboxResponse response;
  call("RunPodSandbox", request, response);
  return {response.pod_sandbox_id(), request.config()};
}

std::string NodeClient::create(const Pod& pod, const Strings& command, const std::string& log_path) {
  cri::CreateContainerRequest request;
  request.set_pod_sandbox_id(pod.id);
  *request.mutable_sandbox_config() = pod.config;
  auto* config = request.mutable_config();
  config->mutable_metadata()->set_name("c" + std::to_string(++count_));
  config->mutable_image()->set_image(options_.image);
  config->set_log_path(log_path.empty() ? config->metadata().name() + ".log" : log_path);
  if (options_.log_dir.empty()) config->clear_log_path();
  for (const auto& word : command) config->add_command(word);
  *config->mutable_linux()->mutable_security_context()->mutable_namespace_options() =
      pod.config.linux().security_context().namespace_options();
  cri::CreateContainerResponse response;
  call("CreateContainer", request, response);
  return response.container_id();
}

void NodeClient::start(const std::string& container) {
  cri::StartContainerRequest request;
  cri::StartContainerResponse response;
  request.set_container_id(container);
  call("StartContainer", request, response);
}

std::string NodeClient::create_and_start(const Pod& pod, const Strings& command,
                                         const std::string& log_path) {
  std::string container = create(pod, command, log_path);
  start(container);
  return container;
}

void NodeClient::exec(const std::string& container, const Strings& command) {
  cri::ExecSyncRequest request;
  cri::ExecSyncResponse response;
  request.set_container_id(container);
  request.set_timeout(60);
  for (const auto& word : command) request.add_cmd(word);
  call("ExecSync", request, response);
  if (response.exit_code() != 0)
    throw std::runtime_error("ExecSync: " + command.front() + " failed: " + response.stderr());
}

void NodeClient::stop(const std::string& container, int grace) {
  cri::StopContainerRequest request;
  cri::StopContainerResponse response;
  request.set_container_id(container);
  request.set_timeout(grace);
  call("StopContainer", request, response);
}

void NodeClient::stop_pod(const Pod& pod) {
  cri::StopPodSandboxRequest request;
  cri::StopPodSandboxResponse response;
  request.set_pod_sandbox_id(pod.id);
  call("StopPodSandbox", request, response);
}

void NodeClient::remove_pod(const Pod& pod) {
  cri::RemovePodSandboxRequest request;
  cri::RemovePodSandboxResponse response;
  request.set_pod_sandbox_id(pod.id);
  call("RemovePodSandbox", request, response);
}

void NodeClient::remove_image(const std::string& image) {
  cri::RemoveImageRequest request;
  cri::RemoveImageResponse response;
  request.mutable_image()->set_image(image);
  call("RemoveImage", request, response);
}

std::string NodeClient::pull(const std::string& image) {
  cri::PullImageRequest request;
  cri::PullImageResponse response;
  request.mutable_image()->set_image(image);
  call("PullImage", request, response);
  return response.image_ref();
}

std::size_t NodeClient::list_containers() {
  cri::ListContainersResponse response;
  call("ListContainers", cri::ListContainersRequest(), response);
  return static_cast<std::size_t>(response.containers_size());
}

std::size_t NodeClient::list_pods() {
  cri::ListPodSandboxResponse response;
  call("ListPodSandbox", cri::ListPodSandboxRequest(), response);
  return static_cast<std::size_t>(response.items_size());
}

std::size_t NodeClient::list_stats() {
  cri::ListContainerStatsResponse response;
  call("ListContainerStats", cri::ListContainerStatsRequest(), response);
  return static_cast<std::size_t>(response.stats_size());
}

std::size_t NodeClient::list_pod_stats() {
  cri::ListPodSandboxStatsResponse response;
  call("ListPodSandboxStats", cri::ListPodSandboxStatsRequest(), response);
  return static_cast<std::size_t>(response.stats_size());
}

std::size_t NodeClient::list_metrics() {
  cri::ListPodSandboxMetricsResponse response;
  call("ListPodSandboxMetrics", cri::ListPodSandboxMetricsRequest(), response);
  return static_cast<std::size_t>(response.pod_metrics_size());
}

void NodeClient::status() {
  cri::StatusResponse response;
  call("Status", cri::StatusRequest(), response);
}

void NodeClient::first_answers() {
  version();
  cri::StatusRequest verbose;
  verbose.set_verbose(true);
  cri::StatusResponse status;
  call("Status", verbose, status);
  cri::ListPodSandboxResponse pods;
  call("ListPodSandbox", cri::ListPodSandboxRequest(), pods);
  cri::ImageFsInfoResponse filesystems;
  call("ImageFsInfo", cri::ImageFsInfoRequest(), filesystems);
}

std::string NodeClient::version() {
  cri::VersionResponse response;
  call("Version", cri::VersionRequest(), response);
  return response.runtime_name() + " " + response.runtime_version();
}

}  // namespace berth::bench
