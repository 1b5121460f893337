// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "image/registry/hosts_toml.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto hosts =
      berth::image::parse_hosts_toml({reinterpret_cast<const char*>(data), size}, "/d", "input");
  if (!hosts) return 0;
  for (const auto& host : hosts->hosts) {
    // Host and root become a URL, headers a request.
    if (host.host.empty() || (host.host + host.root).find_first_of(" ?#%@\r\n") != std::string::npos)
      std::abort();
    for (const auto& header : host.headers) {
      if (header.find_first_of("\r\n") != std::string::npos) std::abort();
    }
  }
  return 0;
}
