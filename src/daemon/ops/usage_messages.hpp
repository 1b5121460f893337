// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/cri.hpp"
#include "daemon/state/cpu_rate.hpp"
#include "daemon/state/network_sampler.hpp"
#include "runtime/cgroup/manager.hpp"

namespace berth::daemon {

/// What the kernel counts, in the CRI's messages. Where it does not tell a number there is none, never a 0 in
/// its place. `now`: when it was read.

void fill_cpu(const runtime::cgroup::Stats& stats, CpuRate& rate, std::int64_t now, cri::CpuUsage& out);

/// `limit`: bytes; absent or 0: none.
void fill_memory(const runtime::cgroup::Stats& stats, std::optional<std::uint64_t> limit, std::int64_t now,
                 cri::MemoryUsage& out);

/// The limits are those of the CRI: that of swap counts memory, too; below 1: none.
void fill_swap(const runtime::cgroup::Stats& stats, const cri::LinuxContainerResources& limits,
               std::int64_t now, cri::ContainerStats& out);

/// `out`: a message with an io; it stays without where the kernel has no pressure stall information.
template <class Message>
void fill_io(const runtime::cgroup::Stats& stats, std::int64_t now, Message& out);

/// `default_interface`: by name; the others but loopback follow in their order.
void fill_network(const NetworkSampler::Sample& sample, const std::string& default_interface,
                  cri::NetworkUsage& out);

}  // namespace berth::daemon
