// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/stats_queries.hpp"

#include <algorithm>

#include "base/cat.hpp"
#include "base/clock.hpp"
#include "daemon/ops/pod_queries.hpp"

namespace berth::daemon {
namespace {

bool is_alive(const Container& container) {
  return container.status.lock()->state == cri::CONTAINER_RUNNING;
}

constexpr std::uint64_t kNsPerUs = 1000;

void fill_pressure_line(const runtime::cgroup::PressureLine& line, cri::PsiData& out) {
  out.set_total(line.total_us * kNsPerUs);
  out.set_avg10(line.avg10);
  out.set_avg60(line.avg60);
  out.set_avg300(line.avg300);
}

/// `usage`: whatever message has a psi. Without pressure stall information it stays without.
template <class Usage>
void fill_pressure(const runtime::cgroup::Pressure& pressure, Usage* usage) {
  if (pressure.some) fill_pressure_line(*pressure.some, *usage->mutable_psi()->mutable_some());
  if (pressure.full) fill_pressure_line(*pressure.full, *usage->mutable_psi()->mutable_full());
}

/// `limit`: bytes; 0 for none.
void fill_memory(const runtime::cgroup::Stats& stats, std::uint64_t limit, std::int64_t now,
                 cri::ContainerStats& out) {
  auto* memory = out.mutable_memory();
  memory->set_timestamp(now);
  if (stats.memory_usage) memory->mutable_usage_bytes()->set_value(*stats.memory_usage);
  if (stats.memory_working_set) {
    memory->mutable_working_set_bytes()->set_value(*stats.memory_working_set);
    if (limit != 0) {
      memory->mutable_available_bytes()->set_value(
          limit > *stats.memory_working_set ? limit - *stats.memory_working_set : 0);
    }
  }
  if (stats.memory_rss) memory->mutable_rss_bytes()->set_value(*stats.memory_rss);
  if (stats.page_faults) memory->mutable_page_faults()->set_value(*stats.page_faults);
  if (stats.major_page_faults) memory->mutable_major_page_faults()->set_value(*stats.major_page_faults);
  if (stats.swap_usage) {
    out.mutable_swap()->set_timestamp(now);
    out.mutable_swap()->mutable_swap_usage_bytes()->set_value(*stats.swap_usage);
  }
}

/// nano_cores need two readings: the previous one is kept with the container.
void fill_cpu(Container& container, std::uint64_t usage_ns, std::int64_t now, cri::ContainerStats& out) {
  auto* cpu = out.mutable_cpu();
  cpu->set_timestamp(now);
  cpu->mutable_usage_core_nano_seconds()->set_value(usage_ns);
  auto last = container.last_cpu.lock();
  constexpr std::int64_t kShortest = 100'000'000;  // below, the rate is noise
  if (last->taken_ns != 0 && now - last->taken_ns >= kShortest && usage_ns >= last->usage_ns) {
    const double seconds = static_cast<double>(now - last->taken_ns) / 1e9;
    last->nano_cores = static_cast<std::uint64_t>(static_cast<double>(usage_ns - last->usage_ns) / seconds);
    last->known = true;
  }
  if (last->taken_ns == 0 || now - last->taken_ns >= kShortest) {
    last->taken_ns = now;
    last->usage_ns = usage_ns;
  }
  if (last->known) cpu->mutable_usage_nano_cores()->set_value(last->nano_cores);
}

Result<void> fill(Services& with, Container& container, cri::ContainerStats& out) {
  ASSIGN_OR_RETURN(const auto stats, with.cgroups->usage(container.record().cgroup));
  const auto limit = container.status.lock()->resources.memory_limit_in_bytes();
  const auto now = now_ns();
  auto* attributes = out.mutable_attributes();
  attributes->set_id(container.id());
  *attributes->mutable_metadata() = container.record().config.metadata();
  *attributes->mutable_labels() = container.record().config.labels();
  *attributes->mutable_annotations() = container.record().config.annotations();
  fill_cpu(container, stats.cpu_usage_ns, now, out);
  fill_memory(stats, static_cast<std::uint64_t>(std::max<std::int64_t>(limit, 0)), now, out);
  fill_pressure(stats.cpu_pressure, out.mutable_cpu());
  fill_pressure(stats.memory_pressure, out.mutable_memory());
  if (stats.io_pressure.some) {
    out.mutable_io()->set_timestamp(now);
    fill_pressure(stats.io_pressure, out.mutable_io());
  }
  auto* layer = out.mutable_writable_layer();
  const auto sample = with.usage->get(container.id());
  layer->set_timestamp(sample ? sample->taken_ns : now);
  layer->mutable_fs_id()->set_mountpoint(with.layout.snapshots());
  layer->mutable_used_bytes()->set_value(sample ? sample->usage.bytes : 0);
  layer->mutable_inodes_used()->set_value(sample ? sample->usage.inodes : 0);
  return {};
}

bool matches(const cri::ContainerStatsFilter& filter, const Container& container) {
  if (!filter.id().empty() && !container.id().starts_with(filter.id())) return false;
  if (!filter.pod_sandbox_id().empty() && !container.record().pod_id.starts_with(filter.pod_sandbox_id()))
    return false;
  return labels_match(filter.label_selector(), container.record().config.labels());
}

}  // namespace

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

}  // namespace berth::daemon
