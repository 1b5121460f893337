// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "image/registry/header_values.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto challenges = berth::image::parse_challenges({reinterpret_cast<const char*>(data), size});
  std::size_t total = 0;
  for (const auto& challenge : challenges) {
    if (challenge.scheme.empty()) std::abort();
    total += challenge.scheme.size();
    for (const auto& [key, value] : challenge.params) total += key.size() + value.size();
  }
  if (total > size) std::abort();
  return 0;
}
