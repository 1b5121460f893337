// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "runtime/oci/spec.hpp"

/// The spec's words about CPU time, memory nodes and personalities as the kernel's numbers. All are
/// pure; kInvalidArgument names the field and the value, also for combinations that the
/// specification forbids.
namespace berth::oci {

/// policy, flags, nice, priority, runtime, deadline, period: the order of plan::OpKind::kScheduler.
using SchedulerWords = std::array<std::uint64_t, 7>;
Result<SchedulerWords> scheduler_words(const Scheduler& scheduler);

/// What ioprio_set(2) takes: class << 13 | level.
Result<std::uint64_t> io_priority_value(const IoPriority& priority);

struct MemoryPolicyWords {
  std::uint32_t mode = 0;            ///< MPOL_* | MPOL_F_*
  std::vector<std::uint64_t> nodes;  ///< a bit per node; empty: none
};
Result<MemoryPolicyWords> memory_policy_words(const MemoryPolicy& policy);

/// A bit per CPU; empty for an empty list.
Result<std::vector<std::uint64_t>> cpu_words(std::string_view field, std::string_view list);

/// What personality(2) takes.
Result<std::uint64_t> personality_value(const Personality& personality);

}  // namespace berth::oci
