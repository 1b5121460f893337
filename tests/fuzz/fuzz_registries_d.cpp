// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "image/trust/registries_d.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = berth::image::parse_registries_d({reinterpret_cast<const char*>(data), size}, "input");
  if (!parsed) return 0;
  for (const char* name : {"busybox", "a.io/b/c:1", "x.a.io:5000/b"}) {
    const auto place = parsed->find(*berth::image::parse_reference(name));
    if (!place.lookaside.empty() && place.lookaside.find(":/") == std::string::npos) std::abort();
  }
  return 0;
}
