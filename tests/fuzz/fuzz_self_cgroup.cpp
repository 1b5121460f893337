// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/cgroup/hierarchies.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto lines = berth::runtime::cgroup::parse_self_cgroup({reinterpret_cast<const char*>(data), size});
  if (!lines) return 0;
  for (const auto& line : *lines) {
    if (line.path.empty() || line.path.front() != '/') __builtin_trap();
  }
  return 0;
}
