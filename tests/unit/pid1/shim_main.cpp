// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "catch_main.hpp"

const char* berth::testing::prepare(int, char**) {
  if (::geteuid() != 0) return "needs root";
  if (::access("/bin/busybox", X_OK) != 0) return "needs /bin/busybox";
  return nullptr;
}
