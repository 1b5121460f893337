// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/plan.hpp"
#include "runtime/plan_layout.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto plan = berth::runtime::decode_plan(std::as_bytes(std::span(data, size)));
  if (plan) (void)berth::runtime::dump(*plan);
  return 0;
}
