// SPDX-License-Identifier: Apache-2.0
#include "image/chain_id.hpp"

#include <catch2/catch.hpp>

namespace berth::image {
namespace {

TEST_CASE("a chain's first name is its layer's own, each further one hashes the pair", "[image][chain]") {
  const Digest a = sha256("a");
  const Digest b = sha256("b");
  const auto chains = chain_ids({a, b});
  REQUIRE(chains.size() == 2);
  CHECK(chains[0] == a.text());
  // printf '%s %s' sha256:<a> sha256:<b> | sha256sum
  CHECK(chains[1] == "sha256:51c0c8ace48498d6f5fee6b0592cc06f2da0f3cbe09c5a34a97dce85c3889676");
  CHECK(chain_ids({}).empty());
  CHECK(chain_ids({b, a})[1] != chains[1]);
}

}  // namespace
}  // namespace berth::image
