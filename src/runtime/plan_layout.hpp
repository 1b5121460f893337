// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "runtime/plan_model.hpp"

namespace berth::runtime {

/// Where the descriptors of a plan ended up: an index per op, or plan::kNoFd or a kPod* name.
struct PlanFds {
  std::vector<std::uint32_t> ops;
  std::uint32_t count = 0;
  std::uint32_t join_pid = plan::kNoFd;
  std::uint32_t into_cgroup = plan::kNoFd;
};

/// Writes a plan in the format of pid1/plan_format.h. kInvalidArgument when it does not fit
/// (kMaxSize, kMaxOps, kMaxFds). Touches nothing but memory.
Result<std::string> lay_out(const Plan& plan, const PlanFds& fds);

/// Reads such bytes back, with every offset checked; descriptors become NumberedFd or PodFd.
/// For dumps of what is really sent, and for tests.
Result<Plan> decode_plan(std::span<const std::byte> bytes);

}  // namespace berth::runtime
