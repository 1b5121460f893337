// SPDX-License-Identifier: Apache-2.0
#pragma once

// Reading a launch plan. check_plan() is the only judge of the bytes; everything after it trusts
// them, so that the child need not be able to fail on a malformed plan.

#include <stddef.h>
#include <stdint.h>

#include "pid1/plan_format.h"

namespace berth::pid1 {

/// Borrowed bytes that check_plan() has accepted, at an address aligned to 8.
class PlanView {
 public:
  explicit PlanView(unsigned char* bytes) : bytes_(bytes) {}

  const plan::Header& header() const { return *at<plan::Header>(0); }
  const plan::Op& op(uint32_t index) const { return at<plan::Op>(sizeof(plan::Header))[index]; }
  /// nullptr when the offset is 0.
  const char* text(uint32_t offset) const { return offset == 0 ? nullptr : at<char>(offset); }
  template <class T>
  const T* array(uint32_t offset) const {
    return at<T>(offset);
  }
  /// The words of a table of string offsets, to be turned into pointers in place.
  uint64_t* table(uint32_t offset) const { return at<uint64_t>(offset); }

  /// Index of the first op of that kind at or after `from`; op_count when there is none.
  uint32_t find(plan::OpKind kind, uint32_t from = 0) const;

 private:
  template <class T>
  T* at(uint32_t offset) const {
    return static_cast<T*>(static_cast<void*>(bytes_ + offset));
  }

  unsigned char* bytes_;
};

struct PlanVerdict {
  int err;            // 0, EBADMSG, EPROTONOSUPPORT (version) or E2BIG
  uint32_t op_index;  // of the op at fault, plan::kFailedBeforeOps when it is the header
};

/// Whether the bytes are a whole plan of this version whose every offset, array, descriptor index
/// and phase is in order. `fd_count` descriptors came with it. Bytes need alignment to 8.
PlanVerdict check_plan(const unsigned char* bytes, size_t size, uint32_t fd_count);

}  // namespace berth::pid1
