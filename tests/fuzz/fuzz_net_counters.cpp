// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/net_counters.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<berth::runtime::InterfaceCounters> interfaces;
  (void)berth::runtime::read_interfaces(std::as_bytes(std::span(data, size)), interfaces);
  for (const auto& interface : interfaces) {
    if (interface.name.empty() || interface.name.size() > size) __builtin_trap();
  }
  return 0;
}
