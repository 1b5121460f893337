// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdio>

/// A setuid program that says whether that helped it.
int main() {
  std::printf("Effective uid: %d\n", static_cast<int>(::geteuid()));
  return 0;
}
