// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime/cgroup/group_path.hpp"
#include "runtime/cgroup/systemd_names.hpp"

/// Whatever becomes a path is one that a cgroup may have, and is the place of its own unit.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace berth::runtime::cgroup;
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const auto& path : {systemd_group_path(text, "id"), slice_parent(text)}) {
    if (!path || *path == "/") continue;
    if (!check_group_path(*path) || !unit_of_path(*path)) __builtin_trap();
  }
  (void)unit_of_path(text);
  return 0;
}
