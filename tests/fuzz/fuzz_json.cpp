// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = berth::parse_json({reinterpret_cast<const char*>(data), size}, 1 << 20, "input");
  if (!parsed) return 0;
  // What was accepted must survive being written and read again.
  const auto again = berth::parse_json(berth::to_text(*parsed), SIZE_MAX, "output");
  if (!again || *again != *parsed) std::abort();
  return 0;
}
