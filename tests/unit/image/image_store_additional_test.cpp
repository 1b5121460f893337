// SPDX-License-Identifier: Apache-2.0
// Images that somebody else has brought.
#include <catch2/catch.hpp>

#include "store_fixture.hpp"
#include "tree.hpp"

namespace berth::image {
namespace {

using testing::Tree;

/// A store with images "a" and "shared", closed; and one that reads it.
struct TwoStores {
  TwoStores() {
    auto other = theirs.open();
    REQUIRE(StoreFixture::pull(*other, "a", {"base", "a"}));
    REQUIRE(StoreFixture::pull(*other, "shared", {"shared"}));
    for (const ImagePtr& image : other->list()) {
      for (const Layer& layer : image->layers) REQUIRE(other->check_layer(layer, {}));  // are recorded now
    }
    other.reset();
    store = open();
  }
  std::unique_ptr<ImageStore> open() const { return ours.open({}, {theirs.images()}); }

  Tree tree;
  StoreFixture theirs{tree.path("theirs")}, ours{tree.path("ours")};
  std::unique_ptr<ImageStore> store;
};

TEST_CASE("images of an additional store are found, listed, held and read, and nothing there changes",
          "[image][store]") {
  TwoStores two;
  auto before = list_dir(two.theirs.images());
  const ImagePtr image = two.store->find("a");
  REQUIRE(image);
  CHECK(image->pinned);
  CHECK(image->repo_tags == std::vector<std::string>{"docker.io/library/a:latest"});
  CHECK(two.store->find(image->id.substr(7, 12)) == image);
  CHECK(two.store->list().size() == 2);
  CHECK(two.store->usage().bytes == 0);
  CHECK(StoreFixture::content(*two.store, image->layers[1]) == "a");
  CHECK(two.store->hold_layers("container", image->layers));
  two.store->release_layers("container");
  CHECK(*two.store->config_json(image->id) == "{}");
  CHECK(two.store->check_layer(image->layers[1], {})->health == ImageStore::Health::kWhole);
  auto after = list_dir(two.theirs.images());
  REQUIRE((before && after));
  CHECK(std::set(before->begin(), before->end()) == std::set(after->begin(), after->end()));
}

TEST_CASE("an image of an additional store cannot be removed", "[image][store]") {
  TwoStores two;
  const auto refused = two.store->remove("a");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Code::kFailedPrecondition);
  CHECK(two.store->remove("absent"));
}

TEST_CASE("the own image comes before the same of an additional store", "[image][store]") {
  TwoStores two;
  REQUIRE(StoreFixture::pull(*two.store, "shared", {"shared"}));
  for (int round = 0; round < 2; ++round) {
    CHECK_FALSE(two.store->find("shared")->pinned);
    CHECK(two.store->list().size() == 2);
    two.store.reset();
    two.store = two.open();
  }
  REQUIRE(two.store->remove("shared"));
  REQUIRE(two.store->find("shared"));
  CHECK(two.store->find("shared")->pinned);
  CHECK(StoreFixture::content(*two.store, two.store->find("shared")->layers[0]) == "shared");
}

TEST_CASE("damage in an additional store is told, and left alone", "[image][store]") {
  TwoStores two;
  const ImagePtr image = two.store->find("a");
  two.tree.write(two.store->layer_dir(image->layers[1]).substr(two.tree.root().size() + 1) + "/file",
                 "rotten");
  const auto check = two.store->check_layer(image->layers[1], {});
  REQUIRE(check);
  CHECK(check->health == ImageStore::Health::kDamaged);
  CHECK_THAT(check->detail, Catch::Contains("read-only"));
}

TEST_CASE("an additional store that is none, or was not closed, is refused by name", "[image][store]") {
  const TwoStores two;
  const auto refusal = [&](const std::string& root) {
    const auto opened = ImageStore::open({two.tree.path("third"), {}, {}, {root}});
    REQUIRE_FALSE(opened);
    CHECK_THAT(opened.error().to_string(), Catch::Contains("additional store " + root));
    return opened.error().to_string();
  };
  refusal(two.tree.path("absent"));
  two.tree.write("empty/images.db", "");
  CHECK_THAT(refusal(two.tree.path("empty")), Catch::Contains("another version"));
  two.tree.write("theirs/images/images.db-wal", "");
  CHECK_THAT(refusal(two.theirs.images()), Catch::Contains("was not closed"));
}

}  // namespace
}  // namespace berth::image
