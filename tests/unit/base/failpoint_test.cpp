// SPDX-License-Identifier: Apache-2.0
#include "base/failpoint.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>

using namespace berth;

TEST_CASE("what users run ignores the failpoints of the environment", "[base][failpoint]") {
  REQUIRE(::setenv("BERTH_FAILPOINT", "pull.write=error", 1) == 0);
  CHECK(!failpoint("pull.write"));
  ::unsetenv("BERTH_FAILPOINT");
}
