// SPDX-License-Identifier: Apache-2.0
#include <linux/mount.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime/mount_options.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> options(1);
  for (std::size_t i = 0; i < size; ++i) {
    if (data[i] == ',') {
      options.emplace_back();
    } else {
      options.back().push_back(static_cast<char>(data[i]));
    }
  }
  const auto parsed = berth::runtime::parse_mount_options(options, false);
  if (!parsed) return 0;
  // Only the atime field may be in both: the kernel replaces it as a whole.
  if ((parsed->set & parsed->clear & ~std::uint64_t{MOUNT_ATTR__ATIME}) != 0) __builtin_trap();
  if (parsed->bind && !parsed->data.empty()) __builtin_trap();
  (void)berth::runtime::format_mount_attributes(parsed->set);
  return 0;
}
