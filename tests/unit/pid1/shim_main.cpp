// SPDX-License-Identifier: Apache-2.0
#define CATCH_CONFIG_RUNNER
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>

int main(int argc, char** argv) {
  if (::geteuid() != 0) {
    std::puts("SKIP: needs root");
    return 0;
  }
  if (::access("/bin/busybox", X_OK) != 0) {
    std::puts("SKIP: needs /bin/busybox");
    return 0;
  }
  return Catch::Session().run(argc, argv);
}
