// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "store_fixture.hpp"
#include "tree.hpp"

namespace berth::image {
namespace {

using testing::Tree;

Signature some_signature(const std::string& payload) {
  return {SignatureKind::kSigstore, sha256("manifest"), payload, std::string("raw\0bytes\xff", 10)};
}

ImagePtr commit(ImageStore& store, std::vector<Signature> signatures) {
  ImageStore::NewImage image = StoreFixture::describe("a", {});
  image.signatures = std::move(signatures);
  auto committed = store.commit_image(image);
  if (!committed) FAIL(committed.error().to_string());
  return *committed;
}

}  // namespace

TEST_CASE("an image's signatures are kept with it, each once, and go with it", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  auto store = fixture.open();
  CHECK(commit(*store, {some_signature("one")})->signatures == std::vector{some_signature("one")});
  CHECK(commit(*store, {some_signature("one"), some_signature("two")})->signatures.size() == 2);
  CHECK(commit(*store, {})->signatures.size() == 2);
  store.reset();
  store = fixture.open();
  const ImagePtr kept = store->find("a");
  REQUIRE(kept);
  CHECK(kept->signatures == std::vector{some_signature("one"), some_signature("two")});
  REQUIRE(store->remove("a"));
  CHECK(commit(*store, {})->signatures.empty());
  store.reset();
  store = fixture.open();
  CHECK(store->find("a")->signatures.empty());
}

TEST_CASE("the images of an additional store bring their signatures", "[image][store]") {
  Tree tree;
  const StoreFixture shared(tree.path("shared")), own(tree.path("own"));
  for (const char* directory : {"shared/", "own/"}) tree.write(directory, "");
  (void)commit(*shared.open(), {some_signature("one")});
  const auto store = own.open({}, {shared.images()});
  REQUIRE(store->find("a"));
  CHECK(store->find("a")->signatures == std::vector{some_signature("one")});
}

}  // namespace berth::image
