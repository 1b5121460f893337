// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/linux_check.hpp"
#include "runtime/oci/scheduling.hpp"

namespace berth::oci {

Result<void> check_scheduling(const Process& process) {
  if (process.scheduler) RETURN_IF_ERROR(scheduler_words(*process.scheduler));
  if (process.io_priority) RETURN_IF_ERROR(io_priority_value(*process.io_priority));
  if (process.exec_cpu_affinity) {
    RETURN_IF_ERROR(cpu_words("process.execCPUAffinity.initial", process.exec_cpu_affinity->initial));
    RETURN_IF_ERROR(cpu_words("process.execCPUAffinity.final", process.exec_cpu_affinity->final_));
  }
  return {};
}

}  // namespace berth::oci
