// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.hpp"

namespace berth {

/// rm -rf that never follows a symbolic link and never crosses a mount point: something mounted
/// inside is an error, not a victim. Absent is success. Blocks on the disk.
Result<void> remove_tree(const std::string& path);

}  // namespace berth
