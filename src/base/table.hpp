// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace berth {

/// Rows of cells as aligned columns, the header first.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace berth
