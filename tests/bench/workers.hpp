// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "report.hpp"

namespace berth::bench {

/// Runs work(0) ... work(total - 1) on `workers` threads and times each. The first exception stops
/// the rest and is thrown again here.
Samples run_workers(int workers, int total, const std::function<void(int)>& work);

/// Seconds that `work` takes.
double timed(const std::function<void()>& work);

}  // namespace berth::bench
