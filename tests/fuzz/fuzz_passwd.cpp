// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "daemon/spec/user.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& entry : berth::daemon::parse_passwd(text)) {
    // An ID that wraps would defeat runAsNonRoot; a home with a newline would become two variables.
    if (entry.name.empty() || entry.uid > 0x7fffffff || entry.gid > 0x7fffffff) __builtin_trap();
    if (entry.home.find('\n') != std::string::npos || entry.home.find('\0') != std::string::npos)
      __builtin_trap();
  }
  for (const auto& entry : berth::daemon::parse_group(text)) {
    if (entry.name.empty() || entry.gid > 0x7fffffff) __builtin_trap();
  }
  return 0;
}
