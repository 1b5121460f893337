// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "image/registry/hosts.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto conf = berth::image::parse_registries_conf({reinterpret_cast<const char*>(data), size}, "input");
  if (!conf) return 0;
  for (const char* name : {"busybox", "a.io/b/c:1", "x.a.io:5000/b"}) {
    const auto endpoints = berth::image::resolve_endpoints(*conf, *berth::image::parse_reference(name));
    if (!endpoints) continue;
    for (const auto& endpoint : *endpoints) {
      // Host and path become a URL.
      if (endpoint.host.empty() || endpoint.path.empty()) std::abort();
      if ((endpoint.host + endpoint.path).find_first_of(" ?#%\r\n") != std::string::npos) std::abort();
    }
  }
  return 0;
}
