// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string>

#include "netcni/networks.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto attachment = berth::netcni::attachment_from_json({reinterpret_cast<const char*>(data), size});
  if (attachment && !berth::netcni::attachment_from_json(to_json(*attachment))) __builtin_trap();
  return 0;
}
