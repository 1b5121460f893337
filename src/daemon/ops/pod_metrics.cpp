// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/pod_metrics.hpp"

#include <sys/resource.h>
#include <sys/statvfs.h>

#include <map>

#include "base/clock.hpp"
#include "daemon/metric_families.hpp"
#include "daemon/ops/device_names.hpp"
#include "daemon/ops/metric_table.hpp"
#include "daemon/ops/process_counts.hpp"
#include "daemon/ops/stats_queries.hpp"

namespace berth::daemon {
namespace {

using Labels = std::vector<std::string>;

/// What all containers' disks have in common.
MetricSource::Disk describe_disk(const Services& with) {
  MetricSource::Disk disk;
  disk.device = device_of_path(with.layout.snapshots());
  struct statvfs info {};
  if (::statvfs(with.layout.snapshots().c_str(), &info) != 0) return disk;
  disk.size = std::uint64_t{info.f_blocks} * info.f_frsize;
  disk.inodes = info.f_files;
  disk.inodes_free = info.f_ffree;
  return disk;
}

Labels base_labels(const std::string& cgroup, const std::string& id, const std::string& image,
                   const std::string& container, const PodSandbox& pod) {
  const auto& metadata = pod.record().config.metadata();
  return {cgroup, id, image, container, metadata.name(), metadata.namespace_()};
}

void add_metrics(const std::vector<std::string>& families, const MetricSource& source, const Labels& base,
                 google::protobuf::RepeatedPtrField<cri::Metric>& out) {
  std::vector<MetricValue> values;
  for (const MetricKind& kind : metric_kinds()) {
    if (!is_family_selected(families, kind.family)) continue;
    values.clear();
    kind.collect(source, values);
    for (const MetricValue& value : values) {
      auto* metric = out.Add();
      metric->set_name(std::string(kind.name));
      metric->set_timestamp(source.now_ns);
      metric->set_metric_type(kind.type);
      metric->mutable_label_values()->Assign(base.begin(), base.end());
      for (const auto& label : value.labels) metric->add_label_values(label);
      metric->mutable_value()->set_value(value.value);
    }
  }
}

Result<MetricSource> measure(Services& with, const std::string& cgroup) {
  MetricSource source;
  ASSIGN_OR_RETURN(source.group, with.cgroups->detailed_stats(cgroup));
  source.now_ns = now_ns();
  source.device_name = block_device_name;
  source.processes = MetricSource::Processes();
  source.processes->count = source.group.processes.size();
  return source;
}

Result<void> add_container(Services& with, const PodSandbox& pod, const Container& container,
                           const MetricSource::Disk& disk, cri::PodSandboxMetrics& out) {
  const ContainerStatus status = container.snapshot();
  ASSIGN_OR_RETURN(MetricSource source, measure(with, container.record().cgroup));
  source.started_ns = status.started_ns;
  source.limits = status.resources;
  if (const auto sample = with.usage->get(container.id())) {
    source.disk = disk;
    source.disk->used = sample->usage.bytes;
  }
  // Of containers alone: a pod's are the same ones once more, and to count them is the dearest part.
  if (is_family_selected(with.config.pod_metrics, "process"))
    source.processes = count_processes(source.group.processes);
  rlimit files{};
  if (::prlimit(status.process.pid, RLIMIT_NOFILE, nullptr, &files) == 0)
    source.processes->max_descriptors = files.rlim_cur;
  auto* metrics = out.add_container_metrics();
  metrics->set_container_id(container.id());
  add_metrics(with.config.pod_metrics, source,
              base_labels(container.record().cgroup, container.id(), container.record().image_name,
                          container.record().config.metadata().name(), pod),
              *metrics->mutable_metrics());
  return {};
}

Result<void> add_pod(Services& with, const PodSandbox& pod, cri::PodSandboxMetrics& out) {
  const std::string& cgroup = pod.record().cgroup_parent;
  ASSIGN_OR_RETURN(MetricSource source, measure(with, cgroup));
  source.started_ns = pod.record().created_ns;
  source.limits = pod.record().config.linux().resources();
  if (const auto network = with.network_usage->get(pod.id())) {
    for (const auto& interface : network->interfaces) {
      if (interface.name != "lo") source.interfaces.push_back(interface);
    }
  }
  out.set_pod_sandbox_id(pod.id());
  add_metrics(with.config.pod_metrics, source, base_labels(cgroup, pod.id(), "", "", pod),
              *out.mutable_metrics());
  return {};
}

}  // namespace

Result<void> list_metric_descriptors(Services& with, const Call&, const cri::ListMetricDescriptorsRequest&,
                                     cri::ListMetricDescriptorsResponse& response) {
  for (const MetricKind& kind : metric_kinds()) {
    if (!is_family_selected(with.config.pod_metrics, kind.family)) continue;
    auto* descriptor = response.add_descriptors();
    descriptor->set_name(std::string(kind.name));
    descriptor->set_help(std::string(kind.help));
    for (const auto label : kBaseLabels) descriptor->add_label_keys(std::string(label));
    for (const auto label : kind.labels) descriptor->add_label_keys(std::string(label));
  }
  return {};
}

Result<void> list_pod_sandbox_metrics(Services& with, const Call&, const cri::ListPodSandboxMetricsRequest&,
                                      cri::ListPodSandboxMetricsResponse& response) {
  const auto pods = ready_pods(with);
  const auto containers = running_containers(with);
  if (is_family_selected(with.config.pod_metrics, "network")) refresh_network(with, pods);
  const MetricSource::Disk disk = describe_disk(with);
  for (const auto& pod : pods) {
    cri::PodSandboxMetrics metrics;
    if (!add_pod(with, *pod, metrics)) continue;
    const auto [first, last] = containers.equal_range(pod->id());
    for (auto at = first; at != last; ++at) (void)add_container(with, *pod, *at->second, disk, metrics);
    *response.add_pod_metrics() = std::move(metrics);
  }
  return {};
}

}  // namespace berth::daemon
