// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/usage_messages.hpp"

namespace berth::daemon {
namespace {

using runtime::cgroup::Pressure;
using runtime::cgroup::PressureLine;
using runtime::cgroup::Stats;

constexpr std::uint64_t kNsPerUs = 1000;

void fill_pressure_line(const PressureLine& line, cri::PsiData& out) {
  out.set_total(line.total_us * kNsPerUs);
  out.set_avg10(line.avg10);
  out.set_avg60(line.avg60);
  out.set_avg300(line.avg300);
}

/// `usage`: whatever message has a psi. Without pressure stall information it stays without.
template <class Usage>
void fill_pressure(const Pressure& pressure, Usage* usage) {
  if (pressure.some) fill_pressure_line(*pressure.some, *usage->mutable_psi()->mutable_some());
  if (pressure.full) fill_pressure_line(*pressure.full, *usage->mutable_psi()->mutable_full());
}

std::uint64_t left_of(std::uint64_t limit, std::uint64_t used) {
  return limit > used ? limit - used : 0;
}

void fill_interface(const runtime::InterfaceCounters& from, cri::NetworkInterfaceUsage& out) {
  out.set_name(from.name);
  out.mutable_rx_bytes()->set_value(from.received.bytes);
  out.mutable_rx_errors()->set_value(from.received.errors);
  out.mutable_tx_bytes()->set_value(from.sent.bytes);
  out.mutable_tx_errors()->set_value(from.sent.errors);
}

}  // namespace

void fill_cpu(const Stats& stats, CpuRate& rate, std::int64_t now, cri::CpuUsage& out) {
  out.set_timestamp(now);
  out.mutable_usage_core_nano_seconds()->set_value(stats.cpu_usage_ns);
  if (const auto nano_cores = rate.update(now, stats.cpu_usage_ns))
    out.mutable_usage_nano_cores()->set_value(*nano_cores);
  fill_pressure(stats.cpu_pressure, &out);
}

void fill_memory(const Stats& stats, std::optional<std::uint64_t> limit, std::int64_t now,
                 cri::MemoryUsage& out) {
  out.set_timestamp(now);
  if (stats.memory_usage) out.mutable_usage_bytes()->set_value(*stats.memory_usage);
  if (stats.memory_working_set) {
    out.mutable_working_set_bytes()->set_value(*stats.memory_working_set);
    if (limit.value_or(0) != 0)
      out.mutable_available_bytes()->set_value(left_of(*limit, *stats.memory_working_set));
  }
  if (stats.memory_rss) out.mutable_rss_bytes()->set_value(*stats.memory_rss);
  if (stats.page_faults) out.mutable_page_faults()->set_value(*stats.page_faults);
  if (stats.major_page_faults) out.mutable_major_page_faults()->set_value(*stats.major_page_faults);
  fill_pressure(stats.memory_pressure, &out);
}

void fill_swap(const Stats& stats, const cri::LinuxContainerResources& limits, std::int64_t now,
               cri::ContainerStats& out) {
  if (!stats.swap_usage) return;
  out.mutable_swap()->set_timestamp(now);
  out.mutable_swap()->mutable_swap_usage_bytes()->set_value(*stats.swap_usage);
  const std::int64_t memory = limits.memory_limit_in_bytes();
  const std::int64_t both = limits.memory_swap_limit_in_bytes();
  if (memory > 0 && both >= memory) {
    out.mutable_swap()->mutable_swap_available_bytes()->set_value(
        left_of(static_cast<std::uint64_t>(both - memory), *stats.swap_usage));
  }
}

template <class Message>
void fill_io(const Stats& stats, std::int64_t now, Message& out) {
  if (!stats.io_pressure.some) return;
  out.mutable_io()->set_timestamp(now);
  fill_pressure(stats.io_pressure, out.mutable_io());
}
template void fill_io(const Stats&, std::int64_t, cri::ContainerStats&);
template void fill_io(const Stats&, std::int64_t, cri::LinuxPodSandboxStats&);

void fill_network(const NetworkSampler::Sample& sample, const std::string& default_interface,
                  cri::NetworkUsage& out) {
  out.set_timestamp(sample.taken_ns);
  for (const auto& interface : sample.interfaces) {
    if (interface.name == "lo") continue;
    fill_interface(interface, interface.name == default_interface ? *out.mutable_default_interface()
                                                                  : *out.add_interfaces());
  }
}

}  // namespace berth::daemon
