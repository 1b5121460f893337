// SPDX-License-Identifier: Apache-2.0
#include "base/failpoint.hpp"

namespace berth {

bool failpoint(std::string_view) {
  return false;
}

}  // namespace berth
