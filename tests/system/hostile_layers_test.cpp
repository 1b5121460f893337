// SPDX-License-Identifier: Apache-2.0
// The hostile corpus: layers that nobody makes by accident, each by name. What they share: an error that
// names the entry (or a harmless tree), nothing outside the layer's directory.
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "image_layers_fixture.hpp"
#include "tar_builder.hpp"

namespace berth::image {
namespace {

using testing::tar_of;
using testing::TarBuilder;
using testing::TarMember;

std::string header_with(const TarMember& member, std::size_t at, const std::string& text) {
  std::string block = TarBuilder::make_header(member);
  block.replace(at, text.size(), text);
  TarBuilder::seal(block);
  return block;
}

struct Hostile {
  const char* name;
  std::string layer;
  std::string refusal;  ///< a part of the error; empty: it is unpacked
  std::string tree = {};
};

// Offset of the size in a header, and two numbers that go there.
constexpr std::size_t kSize = 124;
const std::string kGibibyte = "10000000000\0";
const std::string kMinusOne = std::string(12, '\xff');

std::vector<Hostile> hostile_trees() {
  const std::string f = "f f 644 0:0 \"x\"\n";
  return {
      {"climbing path", tar_of({{.name = "a/../../f"}}), "its name leaves the layer"},
      {"climbing through a link",
       tar_of({{.name = "l", .type = '2', .link = "../../.."}, {.name = "l/f", .data = "x"}}), "",
       f + "l l 777 0:0 -> ../../..\n"},
      {"hard link out", tar_of({{.name = "h", .type = '1', .link = "/etc/passwd"}}),
       "which is no file of the image"},
      {"whiteout of dotdot", tar_of({{.name = "a/.wh..."}}), "a whiteout of nothing"},
      {"whiteout of dot", tar_of({{.name = "a/.wh.."}}), "a whiteout of nothing"},
      {"device that is a whiteout", tar_of({{.name = "c", .type = '3'}}), "would be a whiteout"},
      {"opaque mark as an attribute",
       tar_of({{.name = "d", .type = '5', .pax = {{"SCHILY.xattr.trusted.overlay.opaque", "y"}}}}),
       "belongs to the overlay"},
      {"opaque mark through a link",
       tar_of({{.name = "l", .type = '2', .link = "/"}, {.name = "l/.wh..wh..opq"}}), "",
       "l l 777 0:0 -> /\n"},
      {"entry of a whited out name below a file", tar_of({{.name = "f", .data = "x"}, {.name = "f/.wh.g"}}),
       "", f},
      {"duplicate that changes into a link and back",
       tar_of({{.name = "d", .type = '5', .mode = 0755},
               {.name = "d", .type = '2', .link = "/etc"},
               {.name = "d/f", .data = "x"}}),
       "", "d l 777 0:0 -> /etc\netc d 755 0:0\netc/f f 644 0:0 \"x\"\n"},
  };
}

std::vector<Hostile> hostile_bytes() {
  const TarMember file{.name = "f", .data = "x"};
  const std::string good = tar_of({file});
  const std::string f = "f f 644 0:0 \"x\"\n";
  return {
      {"cut inside a header", good.substr(0, 100), "it ends early"},
      {"cut inside a file", good.substr(0, 512), "it ends early"},
      {"cut inside the padding", good.substr(0, 600), "it ends early"},
      {"padded with a mebibyte of zeros", good + std::string(1 << 20, '\0'), "", f},
      {"padded with another archive", good + tar_of({{.name = "hidden"}}), "", f},
      {"a lone block of zeros", good.substr(0, 1024) + std::string(512, '\0') + good,
       "a single block of zeros"},
      {"long name of a gibibyte", header_with({.name = "n", .type = 'L'}, kSize, kGibibyte) + good,
       "an extension header of 1073741824 bytes"},
      {"pax header of a gibibyte", header_with({.name = "n", .type = 'x'}, kSize, kGibibyte) + good,
       "an extension header of 1073741824 bytes"},
      {"file of a gibibyte that is not there", header_with({.name = "f"}, kSize, kGibibyte) + good,
       "it ends early"},
      {"negative size", header_with({.name = "f"}, kSize, kMinusOne) + good, "the size is negative"},
      {"negative size of an extension", header_with({.name = "f", .type = 'x'}, kSize, kMinusOne) + good,
       "an extension header of -1 bytes"},
      {"negative size in pax", tar_of({{.name = "f", .pax = {{"size", "-1"}}}}), "size is not a number"},
      {"size beyond 64 bits in pax", tar_of({{.name = "f", .pax = {{"size", "99999999999999999999"}}}}),
       "size is not a number"},
      {"pax path that climbs", tar_of({{.name = "f", .pax = {{"path", "../f"}}}}),
       "its name leaves the layer"},
      {"pax path with a NUL", tar_of({{.name = "f", .pax = {{"path", std::string("a\0b", 3)}}}}),
       "path contains a NUL"},
      {"pax link that climbs",
       tar_of({{.name = "h", .type = '1', .link = "f", .pax = {{"linkpath", "../f"}}}}),
       "its name leaves the layer"},
      {"pax record that overruns", TarBuilder().pax_header("99 path=f\n").add(file).end().bytes(),
       "a record's length is wrong"},
      {"pax user beyond 32 bits", tar_of({{.name = "f", .pax = {{"uid", "4294967296"}}}}),
       "user ID 4294967296 is out of range"},
      {"name that is not UTF-8", tar_of({{.name = "\xc3\x28", .data = "x"}}), "",
       "\xc3\x28 f 644 0:0 \"x\"\n"},
      {"name of control characters", tar_of({{.name = "\x1b[2J/../x"}}), "layer entry \"?[2J/../x\""},
      {"component of 256 bytes", tar_of({{.name = "f", .pax = {{"path", std::string(256, 'n')}}}}),
       "File name too long"},
      {"name of 5,000 bytes", tar_of({{.name = "f", .pax = {{"path", std::string(5000, 'n')}}}}),
       "a name is longer than 4095 bytes"},
      {"attribute of 65,537 bytes",
       tar_of({{.name = "f", .pax = {{"SCHILY.xattr.user.k", std::string(65537, 'v')}}}}),
       "attribute user.k has 65537 bytes, the limit is 65536"},
      {"attribute with a name of 300 bytes",
       tar_of({{.name = "f", .pax = {{"SCHILY.xattr.user." + std::string(300, 'k'), "v"}}}}),
       "an attribute's name has 305 bytes, the limit is 255"},
  };
}

/// Directories one in the other, `depth` deep; from the 2,000th on by way of a link to that.
std::string deep_layer(int depth) {
  constexpr int kByName = 2000;
  TarBuilder tar;
  std::string path = "d";
  for (int at = 1; at < std::min(depth, kByName); ++at) path += "/d";
  tar.add({.name = "p", .type = '5', .mode = 0755, .pax = {{"path", path}}});
  tar.add({.name = "l", .type = '2', .pax = {{"linkpath", path}}});
  std::string below = "l";
  for (int at = kByName; at < depth; ++at) {
    below += "/d";
    tar.add({.name = "p", .type = '5', .mode = 0755, .pax = {{"path", below}}});
  }
  return tar.end().bytes();
}

}  // namespace

TEST_CASE("each layer of the hostile corpus is refused by name or harmless", "[image][layer]") {
  if (!enter_test_node()) return;
  std::vector<Hostile> corpus = hostile_trees();
  for (Hostile& more : hostile_bytes()) corpus.push_back(std::move(more));
  for (const Hostile& hostile : corpus) {
    INFO(hostile.name);
    const LayerBench bench;
    const auto applied = bench.unpack("layer", hostile.layer);
    INFO((applied ? "" : applied.error().to_string()));
    CHECK(bool(applied) == hostile.refusal.empty());
    if (!applied) CHECK_THAT(applied.error().to_string(), Catch::Contains(hostile.refusal));
    if (applied) CHECK(describe_tree(bench.dir("layer")) == hostile.tree);
    CHECK(list_dir(bench.root())->size() == 1);
  }
}

TEST_CASE("directories are as deep as a path can say, and no deeper by way of links", "[image][layer]") {
  if (!enter_test_node()) return;
  const LayerBench bench;
  REQUIRE(bench.unpack("deep", deep_layer(2040)));
  const auto deeper = bench.unpack("deeper", deep_layer(2100));
  REQUIRE_FALSE(deeper);
  CHECK_THAT(deeper.error().to_string(), Catch::Contains("links lead to a path of more than 4095 bytes"));
  const auto named =
      bench.unpack("named", tar_of({{.name = "p", .type = '5', .pax = {{"path", [] {
                                                                          std::string path = "d";
                                                                          for (int at = 1; at < 10'000; ++at)
                                                                            path += "/d";
                                                                          return path;
                                                                        }()}}}}));
  REQUIRE_FALSE(named);
  CHECK_THAT(named.error().to_string(), Catch::Contains("a name is longer than 4095 bytes"));
}

}  // namespace berth::image
