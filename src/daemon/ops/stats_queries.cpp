// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/stats_queries.hpp"

#include <algorithm>

#include "base/cat.hpp"
#include "base/clock.hpp"
#include "daemon/ops/pod_queries.hpp"
#include "daemon/ops/usage_messages.hpp"
#include "netcni/arguments.hpp"

namespace berth::daemon {
namespace {

bool is_alive(const Container& container) {
  return container.status.lock()->state == cri::CONTAINER_RUNNING;
}

template <class Object, class Attributes>
void fill_attributes(const Object& object, Attributes& out) {
  out.set_id(object.id());
  *out.mutable_metadata() = object.record().config.metadata();
  *out.mutable_labels() = object.record().config.labels();
  *out.mutable_annotations() = object.record().config.annotations();
}

void fill_writable_layer(Services& with, const std::string& id, std::int64_t now, cri::FilesystemUsage& out) {
  const auto sample = with.usage->get(id);
  out.set_timestamp(sample ? sample->taken_ns : now);
  out.mutable_fs_id()->set_mountpoint(with.layout.snapshots());
  out.mutable_used_bytes()->set_value(sample ? sample->usage.bytes : 0);
  out.mutable_inodes_used()->set_value(sample ? sample->usage.inodes : 0);
}

Result<void> fill(Services& with, Container& container, cri::ContainerStats& out) {
  ASSIGN_OR_RETURN(const auto stats, with.cgroups->usage(container.record().cgroup));
  const auto limits = container.status.lock()->resources;
  const auto memory_limit = std::max<std::int64_t>(limits.memory_limit_in_bytes(), 0);
  const auto now = now_ns();
  fill_attributes(container, *out.mutable_attributes());
  fill_cpu(stats, container.cpu_rate, now, *out.mutable_cpu());
  fill_memory(stats, static_cast<std::uint64_t>(memory_limit), now, *out.mutable_memory());
  fill_swap(stats, limits, now, out);
  fill_io(stats, now, out);
  fill_writable_layer(with, container.id(), now, *out.mutable_writable_layer());
  return {};
}

bool matches(const cri::ContainerStatsFilter& filter, const Container& container) {
  if (!filter.id().empty() && !container.id().starts_with(filter.id())) return false;
  if (!filter.pod_sandbox_id().empty() && !container.record().pod_id.starts_with(filter.pod_sandbox_id()))
    return false;
  return labels_match(filter.label_selector(), container.record().config.labels());
}

bool matches(const cri::PodSandboxStatsFilter& filter, const PodSandbox& pod) {
  if (!filter.id().empty() && !pod.id().starts_with(filter.id())) return false;
  return labels_match(filter.label_selector(), pod.record().config.labels());
}

Result<void> fill(Services& with, PodSandbox& pod, const std::multimap<std::string, ContainerPtr>& containers,
                  cri::PodSandboxStats& out) {
  // What the containers use together, and what the pod has beside them.
  ASSIGN_OR_RETURN(const auto stats, with.cgroups->stats(pod.record().cgroup_parent));
  const auto now = now_ns();
  fill_attributes(pod, *out.mutable_attributes());
  auto* usage = out.mutable_linux();
  fill_cpu(stats, pod.cpu_rate, now, *usage->mutable_cpu());
  fill_memory(stats, stats.memory_limit, now, *usage->mutable_memory());
  fill_io(stats, now, *usage);
  if (stats.pids) {
    usage->mutable_process()->set_timestamp(now);
    usage->mutable_process()->mutable_process_count()->set_value(*stats.pids);
  }
  if (const auto network = with.network_usage->get(pod.id()))
    fill_network(*network, std::string(netcni::kPodInterface), *usage->mutable_network());
  const auto [first, last] = containers.equal_range(pod.id());
  for (auto at = first; at != last; ++at) {
    cri::ContainerStats one;
    if (fill(with, *at->second, one)) *usage->add_containers() = std::move(one);
  }
  return {};
}

}  // namespace

std::vector<PodPtr> ready_pods(const Services& with) {
  auto pods = with.pods.list();
  std::erase_if(pods, [](const PodPtr& pod) { return !pod->status.lock()->ready; });
  return pods;
}

std::multimap<std::string, ContainerPtr> running_containers(const Services& with) {
  std::multimap<std::string, ContainerPtr> running;
  for (const auto& container : with.containers.list()) {
    if (is_alive(*container)) running.emplace(container->record().pod_id, container);
  }
  return running;
}

void refresh_network(Services& with, const std::vector<PodPtr>& pods) {
  std::vector<std::string> ids;
  for (const auto& pod : pods) {
    if (!pod->record().host_network) ids.push_back(pod->id());
  }
  with.network_usage->refresh(ids);
}

Result<void> container_stats(Services& with, const Call&, const cri::ContainerStatsRequest& request,
                             cri::ContainerStatsResponse& response) {
  ASSIGN_OR_RETURN(const ContainerPtr container, with.containers.find(request.container_id()));
  if (!is_alive(*container))
    return Error(Code::kFailedPrecondition, cat("container ", container->id(), " is not running"));
  return fill(with, *container, *response.mutable_stats())
      .context(cat("statistics of container ", container->id()));
}

Result<void> list_container_stats(Services& with, const Call&, const cri::ListContainerStatsRequest& request,
                                  cri::ListContainerStatsResponse& response) {
  for (const auto& container : with.containers.list()) {
    if (!is_alive(*container) || !matches(request.filter(), *container)) continue;
    cri::ContainerStats stats;
    if (fill(with, *container, stats)) *response.add_stats() = std::move(stats);
  }
  return {};
}

Result<void> pod_sandbox_stats(Services& with, const Call&, const cri::PodSandboxStatsRequest& request,
                               cri::PodSandboxStatsResponse& response) {
  ASSIGN_OR_RETURN(const PodPtr pod, with.pods.find(request.pod_sandbox_id()));
  if (!pod->status.lock()->ready)
    return Error(Code::kFailedPrecondition, cat("pod sandbox ", pod->id(), " is not ready"));
  refresh_network(with, {pod});
  return fill(with, *pod, running_containers(with), *response.mutable_stats())
      .context(cat("statistics of pod sandbox ", pod->id()));
}

Result<void> list_pod_sandbox_stats(Services& with, const Call&,
                                    const cri::ListPodSandboxStatsRequest& request,
                                    cri::ListPodSandboxStatsResponse& response) {
  auto pods = ready_pods(with);
  std::erase_if(pods, [&](const PodPtr& pod) { return !matches(request.filter(), *pod); });
  const auto containers = running_containers(with);
  refresh_network(with, pods);
  for (const auto& pod : pods) {
    cri::PodSandboxStats stats;
    if (fill(with, *pod, containers, stats)) *response.add_stats() = std::move(stats);
  }
  return {};
}

}  // namespace berth::daemon
