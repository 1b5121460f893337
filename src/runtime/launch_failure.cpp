// SPDX-License-Identifier: Apache-2.0
#include "base/cat.hpp"
#include "pid1/shim_protocol.h"
#include "runtime/plan.hpp"

namespace berth::runtime {

Error launch_failure(const std::vector<std::string>& labels, std::uint32_t op_index, int err) {
  if (op_index == plan::kFailedBeforeOps) return Error::from_errno(err, "create the process", "");
  if (op_index == shim::kOpenLog) return Error::from_errno(err, "open the log", "");
  if (op_index < labels.size()) return Error::from_errno(err, labels[op_index], "");
  return Error::from_errno(err, cat("step ", op_index, " of the launch plan"), "");
}

}  // namespace berth::runtime
