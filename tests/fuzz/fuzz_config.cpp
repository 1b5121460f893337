// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "daemon/config_toml.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  berth::daemon::LoadedConfig loaded;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (berth::daemon::merge_toml(text, "berth.toml", "berth.toml", loaded)) {
    (void)berth::daemon::check_config(loaded.config);
    (void)berth::daemon::format_config(loaded.config, &loaded.origins);
  }
  return 0;
}
