// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/scheduling.hpp"

#include "base/cat.hpp"
#include "runtime/oci/rlimits.hpp"
#include "runtime/plan/parts.hpp"

namespace berth::runtime::plan_parts {
namespace {

using plan::By;
using plan::OpKind;
using plan::Phase;

Result<void> add_affinity(std::string_view field, const std::string& list, std::string label, Plan& plan) {
  ASSIGN_OR_RETURN(auto words, oci::cpu_words(field, list));
  const std::uint64_t count = words.size();
  plan.add({.kind = OpKind::kAffinity,
            .phase = Phase::kJoin,
            .label = std::move(label),
            .extra = std::move(words),
            .value = count});
  return {};
}

}  // namespace

Result<void> add_scheduling(const oci::Process& process, By by, Plan& plan) {
  if (process.scheduler) {
    ASSIGN_OR_RETURN(const oci::SchedulerWords words, oci::scheduler_words(*process.scheduler));
    plan.add({.kind = OpKind::kScheduler,
              .phase = Phase::kJoin,
              .label = cat("set scheduling policy ", process.scheduler->policy),
              .extra = std::vector<std::uint64_t>(words.begin(), words.end()),
              .by = by});
  }
  if (process.io_priority) {
    ASSIGN_OR_RETURN(const std::uint64_t value, oci::io_priority_value(*process.io_priority));
    plan.add({.kind = OpKind::kIoPriority,
              .phase = Phase::kJoin,
              .label = cat("set io priority ", process.io_priority->io_class),
              .flags = value,
              .by = by});
  }
  return {};
}

Result<void> add_memory_policy(const oci::Linux& linux_, Plan& plan) {
  if (!linux_.memory_policy) return {};
  ASSIGN_OR_RETURN(oci::MemoryPolicyWords words, oci::memory_policy_words(*linux_.memory_policy));
  const std::uint64_t count = words.nodes.size();
  plan.add({.kind = OpKind::kMemoryPolicy,
            .phase = Phase::kJoin,
            .label = cat("set memory policy ", linux_.memory_policy->mode),
            .mode = words.mode,
            .extra = std::move(words.nodes),
            .value = count});
  return {};
}

Result<void> add_initial_affinity(const oci::Process& process, Plan& plan) {
  if (!process.exec_cpu_affinity || process.exec_cpu_affinity->initial.empty()) return {};
  plan.joins_cgroup_late = true;
  return add_affinity("process.execCPUAffinity.initial", process.exec_cpu_affinity->initial,
                      cat("run on CPUs ", process.exec_cpu_affinity->initial, " until the cgroup is joined"),
                      plan);
}

Result<void> add_final_affinity(const oci::Process& process, Plan& plan) {
  if (!process.exec_cpu_affinity) return {};
  const std::string& list = process.exec_cpu_affinity->final_;
  // None: every CPU of the cgroup, not those of the time before it.
  return add_affinity("process.execCPUAffinity.final", list,
                      list.empty() ? "run on every CPU of the cgroup" : cat("run on CPUs ", list), plan);
}

Result<void> add_early_limits(const oci::Process& process, By by, Plan& plan) {
  for (const oci::Rlimit& limit : process.rlimits) {
    const auto number = oci::rlimit_number(limit.type);
    if (!number) return Error(Code::kInvalidArgument, cat("process.rlimits: unknown type ", limit.type));
    plan.add({.kind = OpKind::kRlimit,
              .phase = Phase::kJoin,
              .label = cat("raise the hard limit of ", limit.type, " to ", limit.hard),
              .mode = static_cast<std::uint32_t>(*number),
              .flags = limit.soft,
              .value = limit.hard,
              .by = by});
  }
  return {};
}

Result<void> add_personality(const oci::Linux& linux_, Plan& plan) {
  if (!linux_.personality) return {};
  ASSIGN_OR_RETURN(const std::uint64_t value, oci::personality_value(*linux_.personality));
  plan.add({.kind = OpKind::kPersonality,
            .phase = Phase::kSetup,
            .label = cat("set personality ", linux_.personality->domain),
            .flags = value});
  return {};
}

}  // namespace berth::runtime::plan_parts
