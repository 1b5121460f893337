// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string>

#include "netcni/plugin_exec.hpp"
#include "netcni/result.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  (void)berth::netcni::plugin_failure("exit status 1", text, text).to_string();
  const auto result = berth::netcni::parse_result(text, "1.0.0", "x");
  if (!result) return 0;
  // What was accepted once is accepted as prevResult of CHECK and DEL, and its addresses are addresses.
  if (!berth::netcni::parse_result(berth::to_text(*result), "1.0.0", "y")) __builtin_trap();
  for (const std::string& ip : berth::netcni::pod_ips(*result, "eth0")) {
    if (berth::netcni::canonical_ip(ip) != ip) __builtin_trap();
  }
  return 0;
}
