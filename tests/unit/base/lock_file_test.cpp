// SPDX-License-Identifier: Apache-2.0
#include "base/lock_file.hpp"

#include <catch2/catch.hpp>
#include <future>

#include "tree.hpp"

using namespace berth;
using berth::testing::Tree;

TEST_CASE("a lock that is held is refused by the name of its file", "[base][lock]") {
  const Tree tree;
  const auto held = lock_file(tree.path("lock"));
  REQUIRE(held);
  const auto second = lock_file(tree.path("lock"), std::chrono::milliseconds(0));
  REQUIRE_FALSE(second);
  CHECK(second.error().code() == Code::kFailedPrecondition);
  CHECK(second.error().to_string() == tree.path("lock") + " is held by another process");
}

TEST_CASE("a lock is waited for while its holder goes", "[base][lock]") {
  const Tree tree;
  auto held = lock_file(tree.path("lock"));
  REQUIRE(held);
  auto second = std::async(std::launch::async,
                           [&] { return bool(lock_file(tree.path("lock"), std::chrono::minutes(1))); });
  held->reset();
  CHECK(second.get());
}

TEST_CASE("a lock in a directory that is not there is an error at once", "[base][lock]") {
  const Tree tree;
  const auto lock = lock_file(tree.path("absent/lock"), std::chrono::hours(1));
  REQUIRE_FALSE(lock);
  CHECK(lock.error().code() == Code::kInternal);
}
