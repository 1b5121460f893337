// SPDX-License-Identifier: Apache-2.0
#include "base/failpoint.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>

using namespace berth;

#if BERTH_FAILPOINTS
TEST_CASE("failpoints act by name and only when armed", "[base][failpoint]") {
  // Read once, at the first call in the process, which is this one.
  REQUIRE(::setenv("BERTH_FAILPOINT", "pull.write=error,slow=sleep:20", 1) == 0);
  CHECK(failpoint("pull.write"));
  CHECK(!failpoint("pull"));
  CHECK(!failpoint(""));
  const auto before = std::chrono::steady_clock::now();
  CHECK(!failpoint("slow"));
  CHECK(std::chrono::steady_clock::now() - before >= std::chrono::milliseconds(20));
}
#else
TEST_CASE("a build without failpoints ignores the environment", "[base][failpoint]") {
  REQUIRE(::setenv("BERTH_FAILPOINT", "pull.write=error", 1) == 0);
  CHECK(!failpoint("pull.write"));
  ::unsetenv("BERTH_FAILPOINT");
}
#endif
