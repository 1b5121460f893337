// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>

#include "base/failpoint.hpp"

using namespace berth;

TEST_CASE("armed failpoints act by name", "[base][failpoint]") {
  // Read once, at the first call in the process, which is this one.
  REQUIRE(::setenv("BERTH_FAILPOINT", "pull.write=error,slow=sleep:20", 1) == 0);
  CHECK(failpoint("pull.write"));
  CHECK(!failpoint("pull"));
  CHECK(!failpoint(""));
  const auto before = std::chrono::steady_clock::now();
  CHECK(!failpoint("slow"));
  CHECK(std::chrono::steady_clock::now() - before >= std::chrono::milliseconds(20));
}
