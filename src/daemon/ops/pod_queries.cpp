// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/pod_queries.hpp"

#include "base/clock.hpp"
#include "base/json.hpp"
#include "daemon/ops/container_queries.hpp"

namespace berth::daemon {
namespace {

cri::PodSandboxState state_of(const PodSandbox& pod) {
  return pod.status.lock()->ready ? cri::SANDBOX_READY : cri::SANDBOX_NOTREADY;
}

bool matches(const cri::PodSandboxFilter& filter, const PodSandbox& pod) {
  if (!filter.id().empty() && !pod.id().starts_with(filter.id())) return false;
  if (filter.has_state() && filter.state().state() != state_of(pod)) return false;
  return labels_match(filter.label_selector(), pod.record().config.labels());
}

void fill_network(const PodSandbox& pod, cri::PodSandboxStatus& out) {
  auto* network = out.mutable_network();
  const auto ips = pod.status.lock()->ips;
  for (std::size_t i = 0; i < ips.size(); ++i) {
    if (i == 0) {
      network->set_ip(ips[i]);
    } else {
      network->add_additional_ips()->set_ip(ips[i]);
    }
  }
}

Json verbose_info(const PodSandbox& pod, const Layout& layout) {
  Json info;
  const auto status = *pod.status.lock();
  const auto shim = pod.live_shim();
  info["pid"] = shim ? (shim->pause_pid() != 0 ? shim->pause_pid() : shim->process().pid) : 0;
  info["shimPid"] = shim ? shim->process().pid : 0;
  info["reason"] = status.reason;
  info["runtimeHandler"] = pod.record().runtime_handler;
  info["cgroupParent"] = pod.record().cgroup_parent;
  if (!pod.record().host_network) info["networkNamespace"] = layout.netns(pod.id());
  if (const auto attachment = *pod.attachment.lock()) {
    const Json result = Json::parse(attachment->result_json, nullptr, false);
    if (!result.is_discarded()) info["cniResult"] = result;
  }
  return info;
}

}  // namespace

bool labels_match(const google::protobuf::Map<std::string, std::string>& wanted,
                  const google::protobuf::Map<std::string, std::string>& labels) {
  for (const auto& [key, value] : wanted) {
    const auto found = labels.find(key);
    if (found == labels.end() || found->second != value) return false;
  }
  return true;
}

Result<void> list_pod_sandbox(Services& with, const Call&, const cri::ListPodSandboxRequest& request,
                              cri::ListPodSandboxResponse& response) {
  for (const auto& pod : with.pods.list()) {
    if (!matches(request.filter(), *pod)) continue;
    auto* item = response.add_items();
    const auto& config = pod->record().config;
    item->set_id(pod->id());
    *item->mutable_metadata() = config.metadata();
    item->set_state(state_of(*pod));
    item->set_created_at(pod->record().created_ns);
    *item->mutable_labels() = config.labels();
    *item->mutable_annotations() = config.annotations();
    item->set_runtime_handler(pod->record().runtime_handler);
  }
  return {};
}

void fill_pod_status(const PodSandbox& pod, cri::PodSandboxStatus& out) {
  const auto& config = pod.record().config;
  out.set_id(pod.id());
  *out.mutable_metadata() = config.metadata();
  out.set_state(state_of(pod));
  out.set_created_at(pod.record().created_ns);
  fill_network(pod, out);
  *out.mutable_linux()->mutable_namespaces()->mutable_options() =
      config.linux().security_context().namespace_options();
  *out.mutable_labels() = config.labels();
  *out.mutable_annotations() = config.annotations();
  out.set_runtime_handler(pod.record().runtime_handler);
}

Result<void> pod_sandbox_status(Services& with, const Call&, const cri::PodSandboxStatusRequest& request,
                                cri::PodSandboxStatusResponse& response) {
  ASSIGN_OR_RETURN(const PodPtr pod, with.pods.find(request.pod_sandbox_id()));
  fill_pod_status(*pod, *response.mutable_status());
  // A kubelet that listens to events takes the containers from here, once it sees a timestamp.
  fill_container_statuses(with, pod->id(), *response.mutable_containers_statuses());
  response.set_timestamp(now_ns());
  if (request.verbose()) (*response.mutable_info())["info"] = to_text(verbose_info(*pod, with.layout));
  return {};
}

}  // namespace berth::daemon
