// SPDX-License-Identifier: Apache-2.0
#include "base/cat.hpp"
#include "runtime/plan.hpp"

namespace berth::runtime {

Error launch_failure(const std::vector<std::string>& labels, std::uint32_t op_index, int err) {
  return Error::from_errno(err, op_index < labels.size() ? labels[op_index] : cat("step ", op_index), "");
}

}  // namespace berth::runtime
