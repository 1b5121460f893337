// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string>

#include "netcni/conflist.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const auto& list : {berth::netcni::parse_conflist(text, "x"), berth::netcni::parse_conf(text, "x")}) {
    if (!list) continue;
    // What a pod is attached with is parsed again to detach it.
    if (!berth::netcni::parse_conflist(list->text, "y")) __builtin_trap();
    for (const auto& plugin : list->plugins) (void)plugin_input(*list, plugin, {}, {{"dns", 1}});
  }
  return 0;
}
