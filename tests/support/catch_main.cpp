// SPDX-License-Identifier: Apache-2.0
// The only place that compiles Catch2's runner: it costs more than most tests.
#define CATCH_CONFIG_RUNNER
#include "catch_main.hpp"

#include <catch2/catch.hpp>
#include <cstdio>

int main(int argc, char** argv) {
  if (const char* reason = berth::testing::prepare(argc, argv)) {
    std::printf("SKIP: %s\n", reason);
    return 77;
  }
  return Catch::Session().run(argc, argv);
}
