// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/scheduling.hpp"

#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>

#include <algorithm>

#include "base/cat.hpp"
#include "runtime/cgroup/resources.hpp"

// Newer than the headers of Debian 12.
#ifndef MPOL_WEIGHTED_INTERLEAVE
#define MPOL_WEIGHTED_INTERLEAVE 6
#endif

namespace berth::oci {
namespace {

struct Word {
  std::string_view word;
  std::uint64_t value;
};

constexpr Word kPolicies[] = {
    {"SCHED_OTHER", SCHED_NORMAL},     {"SCHED_FIFO", SCHED_FIFO}, {"SCHED_RR", SCHED_RR},
    {"SCHED_BATCH", SCHED_BATCH},      {"SCHED_ISO", 4},           {"SCHED_IDLE", SCHED_IDLE},
    {"SCHED_DEADLINE", SCHED_DEADLINE}};
constexpr Word kSchedulerFlags[] = {{"SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK},
                                    {"SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM},
                                    {"SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN},
                                    {"SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY},
                                    {"SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS},
                                    {"SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN},
                                    {"SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX}};
constexpr Word kIoClasses[] = {{"IOPRIO_CLASS_RT", IOPRIO_CLASS_RT},
                               {"IOPRIO_CLASS_BE", IOPRIO_CLASS_BE},
                               {"IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE}};
constexpr Word kMemoryModes[] = {{"MPOL_DEFAULT", MPOL_DEFAULT},
                                 {"MPOL_PREFERRED", MPOL_PREFERRED},
                                 {"MPOL_BIND", MPOL_BIND},
                                 {"MPOL_INTERLEAVE", MPOL_INTERLEAVE},
                                 {"MPOL_LOCAL", MPOL_LOCAL},
                                 {"MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY},
                                 {"MPOL_WEIGHTED_INTERLEAVE", MPOL_WEIGHTED_INTERLEAVE}};
constexpr Word kMemoryFlags[] = {{"MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES},
                                 {"MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES},
                                 {"MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING}};
// personality(2): PER_LINUX and PER_LINUX32.
constexpr Word kDomains[] = {{"LINUX", 0}, {"LINUX32", 8}};

constexpr std::size_t kMaxBit = 4095;  // CPUs and nodes: what the plan's reader accepts

Error refusal(std::string_view field, std::string_view value, std::string_view problem) {
  return Error(Code::kInvalidArgument, cat(field, ": \"", value, "\" ", problem));
}

template <std::size_t N>
Result<std::uint64_t> value_of(const Word (&words)[N], std::string_view field, std::string_view word) {
  for (const Word& known : words) {
    if (known.word == word) return known.value;
  }
  return refusal(field, word, "is unknown");
}

template <std::size_t N>
Result<std::uint64_t> flags_of(const Word (&words)[N], std::string_view field,
                               const std::vector<std::string>& flags) {
  std::uint64_t mask = 0;
  for (const std::string& flag : flags) {
    ASSIGN_OR_RETURN(const std::uint64_t value, value_of(words, field, flag));
    mask |= value;
  }
  return mask;
}

Result<std::vector<std::uint64_t>> bits(std::string_view field, std::string_view list) {
  std::vector<std::uint64_t> words;
  if (list.empty()) return words;
  auto ranges = runtime::cgroup::parse_cpu_list(list);
  if (!ranges) return std::move(ranges).error().add_context(std::string(field));
  for (const auto& [first, last] : *ranges) {
    if (last > kMaxBit) return refusal(field, list, cat("has a number above ", kMaxBit));
    if (words.size() <= last / 64) words.resize(last / 64 + 1);
    for (unsigned i = first; i <= last; ++i) words[i / 64] |= std::uint64_t{1} << (i % 64);
  }
  return words;
}

Result<void> check_parameters(const Scheduler& scheduler, std::uint64_t policy) {
  const bool nice = policy == SCHED_NORMAL || policy == SCHED_BATCH;
  const bool realtime = policy == SCHED_FIFO || policy == SCHED_RR;
  const std::string field = "process.scheduler";
  // A zero is what writers of configurations leave in a field that they do not mean.
  if (scheduler.nice.value_or(0) != 0 && !nice)
    return refusal(field + ".nice", std::to_string(*scheduler.nice),
                   cat("means nothing to ", scheduler.policy));
  if (scheduler.nice && (*scheduler.nice < -20 || *scheduler.nice > 19))
    return refusal(field + ".nice", std::to_string(*scheduler.nice), "is not between -20 and 19");
  if (scheduler.priority.value_or(0) != 0 && !realtime) {
    return refusal(field + ".priority", std::to_string(*scheduler.priority),
                   cat("means nothing to ", scheduler.policy));
  }
  if (realtime && (scheduler.priority.value_or(0) < 1 || *scheduler.priority > 99)) {
    return refusal(field + ".priority", std::to_string(scheduler.priority.value_or(0)),
                   "is not between 1 and 99");
  }
  const bool times = scheduler.runtime.value_or(0) != 0 || scheduler.deadline.value_or(0) != 0 ||
                     scheduler.period.value_or(0) != 0;
  if (times && policy != SCHED_DEADLINE)
    return refusal(field, scheduler.policy, "takes no runtime, deadline or period");
  return {};
}

}  // namespace

Result<SchedulerWords> scheduler_words(const Scheduler& scheduler) {
  if (scheduler.policy.empty()) return Error(Code::kInvalidArgument, "process.scheduler.policy: is missing");
  ASSIGN_OR_RETURN(const std::uint64_t policy,
                   value_of(kPolicies, "process.scheduler.policy", scheduler.policy));
  ASSIGN_OR_RETURN(const std::uint64_t flags,
                   flags_of(kSchedulerFlags, "process.scheduler.flags", scheduler.flags));
  RETURN_IF_ERROR(check_parameters(scheduler, policy));
  return SchedulerWords{policy,
                        flags,
                        static_cast<std::uint64_t>(scheduler.nice.value_or(0)),
                        static_cast<std::uint64_t>(scheduler.priority.value_or(0)),
                        scheduler.runtime.value_or(0),
                        scheduler.deadline.value_or(0),
                        scheduler.period.value_or(0)};
}

Result<std::uint64_t> io_priority_value(const IoPriority& priority) {
  ASSIGN_OR_RETURN(const std::uint64_t io_class,
                   value_of(kIoClasses, "process.ioPriority.class", priority.io_class));
  if (priority.priority < 0 || priority.priority >= IOPRIO_NR_LEVELS) {
    return refusal("process.ioPriority.priority", std::to_string(priority.priority),
                   cat("is not between 0 and ", IOPRIO_NR_LEVELS - 1));
  }
  return io_class << IOPRIO_CLASS_SHIFT | static_cast<std::uint64_t>(priority.priority);
}

Result<MemoryPolicyWords> memory_policy_words(const MemoryPolicy& policy) {
  const std::string field = "linux.memoryPolicy";
  MemoryPolicyWords out;
  ASSIGN_OR_RETURN(const std::uint64_t mode, value_of(kMemoryModes, field + ".mode", policy.mode));
  ASSIGN_OR_RETURN(const std::uint64_t flags, flags_of(kMemoryFlags, field + ".flags", policy.flags));
  ASSIGN_OR_RETURN(out.nodes, bits(field + ".nodes", policy.nodes));
  const bool without_nodes = mode == MPOL_DEFAULT || mode == MPOL_LOCAL;
  if (without_nodes && !out.nodes.empty())
    return refusal(field + ".nodes", policy.nodes, cat("means nothing to ", policy.mode));
  if (!without_nodes && mode != MPOL_PREFERRED && out.nodes.empty())
    return refusal(field + ".nodes", policy.nodes, cat("is empty, and ", policy.mode, " needs nodes"));
  constexpr std::uint64_t kBoth = MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES;
  if ((flags & kBoth) == kBoth)
    return refusal(field + ".flags", policy.flags.back(), "and its opposite exclude each other");
  if ((flags & kBoth) != 0 && out.nodes.empty())
    return refusal(field + ".flags", policy.flags.back(), "means nothing without nodes");
  const bool balances = mode == MPOL_BIND || mode == MPOL_PREFERRED_MANY;
  if ((flags & MPOL_F_NUMA_BALANCING) != 0 && !balances)
    return refusal(field + ".flags", "MPOL_F_NUMA_BALANCING", cat("means nothing to ", policy.mode));
  out.mode = static_cast<std::uint32_t>(mode | flags);
  return out;
}

Result<std::vector<std::uint64_t>> cpu_words(std::string_view field, std::string_view list) {
  return bits(field, list);
}

Result<std::uint64_t> personality_value(const Personality& personality) {
  if (!personality.flags.empty())
    return refusal("linux.personality.flags", personality.flags.front(), "is not supported");
  return value_of(kDomains, "linux.personality.domain", personality.domain);
}

}  // namespace berth::oci
