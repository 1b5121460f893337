// SPDX-License-Identifier: Apache-2.0
// When, where and as what the program is run by the kernel: scheduling, priorities, memory nodes, CPUs.

#include <errno.h>
#include <linux/ioprio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pid1/ops.h"
#include "pid1/sys.h"

namespace berth::pid1 {
namespace {

constexpr size_t kEveryCpuWords = 128;  // the kernel ignores those past its own number

/// As in linux/sched/types.h, which cannot be included together with the C library's sched.h.
struct SchedulerAttributes {
  uint32_t size;
  uint32_t policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime;
  uint64_t deadline;
  uint64_t period;
};
static_assert(sizeof(SchedulerAttributes) == 48);  // SCHED_ATTR_SIZE_VER0

}  // namespace

int raise_limit(const plan::Op& op) {
  const int resource = static_cast<int>(op.mode);
  rlimit limit = {};
  if (sys::prlimit(resource, nullptr, &limit) != 0) return errno;
  if (limit.rlim_max >= op.value) return 0;
  limit.rlim_max = op.value;
  return sys::error_of(sys::prlimit(resource, &limit, nullptr));
}

int set_scheduler(Child& child, const plan::Op& op) {
  const uint64_t* words = child.plan.array<uint64_t>(op.extra);
  SchedulerAttributes attributes = {};
  attributes.size = sizeof attributes;
  attributes.policy = static_cast<uint32_t>(words[0]);
  attributes.flags = words[1];
  attributes.nice = static_cast<int32_t>(words[2]);
  attributes.priority = static_cast<uint32_t>(words[3]);
  attributes.runtime = words[4];
  attributes.deadline = words[5];
  attributes.period = words[6];
  return sys::error_of(::syscall(SYS_sched_setattr, 0, &attributes, 0));
}

int set_io_priority(Child&, const plan::Op& op) {
  return sys::error_of(::syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, static_cast<int>(op.flags)));
}

int set_memory_policy(Child& child, const plan::Op& op) {
  const uint64_t* nodes = op.value == 0 ? nullptr : child.plan.array<uint64_t>(op.extra);
  // The kernel takes one off the number of bits that it is given.
  const uint64_t bits = op.value == 0 ? 0 : op.value * 64 + 1;
  return sys::error_of(::syscall(SYS_set_mempolicy, static_cast<int>(op.mode), nodes, bits));
}

int set_affinity(Child& child, const plan::Op& op) {
  if (op.value == 0) return use_every_cpu();
  const uint64_t* cpus = child.plan.array<uint64_t>(op.extra);
  return sys::error_of(::syscall(SYS_sched_setaffinity, 0, op.value * sizeof(uint64_t), cpus));
}

int use_every_cpu() {
  uint64_t cpus[kEveryCpuWords];
  memset(cpus, 0xff, sizeof cpus);
  return sys::error_of(::syscall(SYS_sched_setaffinity, 0, sizeof cpus, cpus));
}

int set_personality(Child&, const plan::Op& op) {
  return sys::error_of(::personality(op.flags));
}

}  // namespace berth::pid1
