// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cpu_meter.hpp"
#include "node_client.hpp"
#include "report.hpp"

namespace berth::bench {

/// What every scenario gets. Each leaves the node as it found it.
struct Bench {
  NodeClient& node;
  CpuMeter& meter;
  Report& report;
  int iterations = 50;
  std::vector<int> parallel = {1, 8, 32};
  std::vector<int> list_sizes = {100, 1000};
  int pods = 100;  ///< of `memory` and `idle`
  int idle_seconds = 10;
  int log_megabytes = 1024;  ///< of `logs`
  int probed = 50;           ///< containers of `probes`
  int probes = 10000;
  bool host_network_only = false;  ///< `start` without the time of CNI plugins
};

/// Pod and container from nothing to running, then their removal; serial and in parallel, in the
/// host's network and in the pod's own.
void measure_start(const Bench& bench);
/// ExecSync of `true`.
void measure_exec(const Bench& bench);
/// ExecSync of `true` over many containers, as probes come, and what daemon and shims have grown by then.
void measure_probes(const Bench& bench);
/// StopContainer of a process that exits on SIGTERM.
void measure_stop(const Bench& bench);
/// The List calls with many containers, quiet and while pods come and go.
void measure_list(const Bench& bench);
/// A container that writes lines of 100 bytes as fast as the log takes them.
void measure_logs(const Bench& bench);
/// Memory of the daemon and of all that a pod adds, then the daemon's CPU while nobody asks.
void measure_memory(const Bench& bench);
/// The daemon's CPU while a kubelet asks what it always asks.
void measure_idle(const Bench& bench);

}  // namespace berth::bench
