// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>

#include "pid1/plan_view.h"

namespace berth::pid1 {

/// A plan's memfd, mapped privately while its child is cloned: the child keeps its own copy.
class PlanMemory {
 public:
  PlanMemory() = default;
  PlanMemory(const PlanMemory&) = delete;
  PlanMemory& operator=(const PlanMemory&) = delete;
  ~PlanMemory();

  /// EPERM when the file is not sealed against writing and resizing: what was checked must stay.
  PlanVerdict load(int memfd, uint32_t fd_count);
  PlanView view() const { return PlanView(bytes_); }

 private:
  unsigned char* bytes_ = nullptr;
  size_t size_ = 0;
};

}  // namespace berth::pid1
