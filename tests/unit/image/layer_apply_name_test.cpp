// SPDX-License-Identifier: Apache-2.0
#include "image/layer_apply_name.hpp"

#include <catch2/catch.hpp>

namespace berth::image {
namespace {

using Kind = LayerName::Kind;

TEST_CASE("layer names are normalised", "[image][layer]") {
  for (const char* name : {"a/b", "/a/b", "./a/b", "a//b/", "/./a/./b/."}) {
    const auto parsed = parse_layer_name(name);
    REQUIRE(parsed);
    CHECK(parsed->parent == "a");
    CHECK(parsed->base == "b");
    CHECK(parsed->kind == Kind::kPlain);
  }
  for (const char* name : {"", ".", "/", "./", "//."}) CHECK(parse_layer_name(name)->path().empty());
}

TEST_CASE("names that leave the layer and malformed whiteouts are refused", "[image][layer]") {
  for (const char* name :
       {"..", "../a", "a/../b", "a/..", "/../x", ".wh.", "a/.wh.", ".wh..", ".wh...", ".wh.a/b"}) {
    INFO(name);
    CHECK_FALSE(parse_layer_name(name));
  }
  CHECK(parse_layer_name("..a/b..")->path() == "..a/b..");
}

TEST_CASE("whiteouts, opaque marks and aufs leftovers are told apart", "[image][layer]") {
  const auto whiteout = parse_layer_name("d/.wh.x/");
  REQUIRE(whiteout);
  CHECK(whiteout->kind == Kind::kWhiteout);
  CHECK(whiteout->path() == "d/x");
  CHECK(parse_layer_name("d/.wh..wh..opq")->kind == Kind::kOpaque);
  CHECK(parse_layer_name("d/.wh..wh..opq")->parent == "d");
  CHECK(parse_layer_name(".wh..wh.plnk")->kind == Kind::kMetadata);
  CHECK(parse_layer_name(".wh..wh.plnk/1.2")->kind == Kind::kMetadata);
  CHECK(parse_layer_name(".whx")->kind == Kind::kPlain);
}

}  // namespace
}  // namespace berth::image
