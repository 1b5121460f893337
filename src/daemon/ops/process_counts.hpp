// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "daemon/ops/metric_table.hpp"

namespace berth::daemon {

/// Descriptors and sockets of these processes, from `proc`; who ended meanwhile has none. Gives up counting
/// descriptors after 65,536: nobody's scrape shall take seconds.
MetricSource::Processes count_processes(const std::vector<int>& pids, const std::string& proc = "/proc");

}  // namespace berth::daemon
