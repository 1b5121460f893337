// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/cgroup/resources.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto list = berth::runtime::cgroup::parse_cpu_list({reinterpret_cast<const char*>(data), size});
  if (!list) return 0;
  for (const auto& [first, last] : *list) {
    if (first > last || last > 65535) __builtin_trap();
  }
  return 0;
}
