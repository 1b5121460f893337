// SPDX-License-Identifier: Apache-2.0
#include "image/image_store.hpp"

#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>

#include "base/lane.hpp"
#include "base/remove_tree.hpp"
#include "store_fixture.hpp"
#include "tree.hpp"

namespace berth::image {
namespace {

using testing::Tree;

TEST_CASE("a committed image is found by every form of its name, and by its ID", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  auto store = fixture.open();
  const auto image = StoreFixture::pull(*store, "busybox", {"one", "two"});
  REQUIRE(image);
  const std::string id = StoreFixture::id_of("busybox");
  const std::string digest = sha256("manifest busybox").text();
  for (const std::string& reference :
       {std::string("busybox"), std::string("busybox:latest"), std::string("docker.io/library/busybox"), id,
        id.substr(7), id.substr(7, 12), id.substr(0, 19), "busybox@" + digest, "busybox:other@" + digest}) {
    INFO(reference);
    REQUIRE(store->find(reference));
    CHECK(store->find(reference)->id == id);
  }
  for (const std::string& reference :
       {std::string(""), std::string("sha256:"), std::string("busybox:1"), std::string("quay.io/busybox"),
        "busybox@" + sha256("x").text(), std::string("../x")}) {
    INFO(reference);
    CHECK_FALSE(store->find(reference));
  }
  CHECK((*image)->size == 204);
  CHECK((*image)->layers.size() == 2);
  CHECK(StoreFixture::content(*store, (*image)->layers[1]) == "two");
}

TEST_CASE("an ambiguous ID prefix finds nothing", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  auto store = fixture.open();
  auto first = StoreFixture::describe("a", {});
  auto second = StoreFixture::describe("b", {});
  first.id = "sha256:" + std::string(63, 'a') + "1";
  second.id = "sha256:" + std::string(63, 'a') + "2";
  REQUIRE(store->commit_image(first));
  REQUIRE(store->commit_image(second));
  CHECK_FALSE(store->find("aaaa"));
  CHECK(store->find(first.id));
}

TEST_CASE("images survive closing and opening, with config, names and counters", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  auto store = fixture.open();
  REQUIRE(StoreFixture::pull(*store, "a", {"base", "a"}));
  REQUIRE(StoreFixture::pull(*store, "b", {"base", "b"}));
  const ImagePtr before = store->find("a");
  CHECK(store->usage().bytes == 308);
  CHECK(store->usage().inodes == 6);
  store.reset();
  store = fixture.open();
  const ImagePtr after = store->find("a");
  REQUIRE(after);
  CHECK(after->repo_tags == before->repo_tags);
  CHECK(after->repo_digests == before->repo_digests);
  CHECK(after->size == before->size);
  CHECK(after->created_ns == before->created_ns);
  CHECK(after->config.env == before->config.env);
  CHECK(after->config.labels == before->config.labels);
  CHECK(after->config.diff_ids == before->config.diff_ids);
  CHECK(after->layers[0].number == store->find("b")->layers[0].number);
  CHECK(StoreFixture::content(*store, after->layers[1]) == "a");
  CHECK(store->usage().bytes == 308);
  CHECK(store->list().size() == 2);
}

TEST_CASE("a store has one owner", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  const auto store = fixture.open();
  const auto second = ImageStore::open({fixture.images(), {}, {}, {}});
  REQUIRE_FALSE(second);
  CHECK(second.error().code() == Code::kFailedPrecondition);
}

TEST_CASE("a tag that moves leaves the old image without it", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  auto store = fixture.open();
  REQUIRE(StoreFixture::pull(*store, "a", {"one"}));
  auto next = StoreFixture::describe("a", {"two"});
  next.id = StoreFixture::id_of("newer a");
  next.repo_digests = {"docker.io/library/a@" + sha256("newer").text()};
  REQUIRE(StoreFixture::stage(*store, next, {"two"}));
  REQUIRE(store->commit_image(next));
  CHECK(store->find("a")->id == next.id);
  const ImagePtr old = store->find(StoreFixture::id_of("a"));
  REQUIRE(old);
  CHECK(old->repo_tags.empty());
  CHECK(old->repo_digests.size() == 1);
}

TEST_CASE("committing an image again only adds names", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  auto store = fixture.open();
  REQUIRE(StoreFixture::pull(*store, "a", {"one"}));
  auto again = StoreFixture::describe("a", {"one"});
  again.repo_tag = "quay.io/x/a:2";
  again.repo_digests = {"quay.io/x/a@" + sha256("index").text()};
  REQUIRE(store->commit_image(again));
  const ImagePtr image = store->find("quay.io/x/a:2");
  REQUIRE(image);
  CHECK(image == store->find("a"));
  CHECK(image->repo_tags == std::vector<std::string>{"docker.io/library/a:latest", "quay.io/x/a:2"});
  CHECK(store->usage().bytes == 104);
}

TEST_CASE("removing an image by any name drops all of them; absent is success", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  auto store = fixture.open();
  REQUIRE(StoreFixture::pull(*store, "a", {"base", "a"}));
  REQUIRE(StoreFixture::pull(*store, "b", {"base", "b"}));
  const Layer shared = store->find("a")->layers[0];
  const Layer own = store->find("a")->layers[1];
  CHECK(store->remove("a"));
  CHECK(store->remove("a"));
  CHECK(store->remove("no/such:image"));
  CHECK_FALSE(store->find(StoreFixture::id_of("a")));
  CHECK(store->find("b"));
  store.reset();  // waits for the background
  store = fixture.open();
  CHECK(StoreFixture::content(*store, shared) == "base");
  store.reset();
  store = fixture.open();
  CHECK_FALSE(exists(store->layer_dir(own)));
  CHECK(store->usage().bytes == 204);
}

TEST_CASE("a held layer outlives its image and serves the next pull", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  auto store = fixture.open();
  const auto image = StoreFixture::pull(*store, "a", {"one"});
  REQUIRE(image);
  const Layer layer = (*image)->layers[0];
  REQUIRE(store->hold_layers("container", (*image)->layers));
  REQUIRE(store->remove("a"));
  const auto slot = store->reserve_layer(layer.chain_id, {});
  REQUIRE(slot);
  REQUIRE(slot->ready);
  CHECK(slot->ready->number == layer.number);
  CHECK(StoreFixture::content(*store, layer) == "one");
  store->release_layers("container");
  store.reset();
  store = fixture.open();
  store.reset();
  CHECK_FALSE(tree.has(cat("images/layers/", layer.number)));
}

TEST_CASE("a snapshot's list of layers holds them from the start", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  auto store = fixture.open();
  const auto image = StoreFixture::pull(*store, "a", {"one"});
  REQUIRE(image);
  const Layer layer = (*image)->layers[0];
  REQUIRE(store->hold_layers("key", (*image)->layers));
  tree.write("snapshots/key/layers", cat(layer.number, "\n"));
  REQUIRE(store->remove("a"));
  store.reset();
  for (int round = 0; round < 2; ++round) {
    store = fixture.open();
    CHECK(StoreFixture::content(*store, layer) == "one");
    store.reset();
    CHECK(tree.has(cat("images/layers/", layer.number, "/fs/file")));
  }
}

TEST_CASE("layers that have gone cannot be held", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  auto store = fixture.open();
  Layer unknown{7, sha256("x"), sha256("x").text(), 1, 1};
  const auto held = store->hold_layers("key", {unknown});
  REQUIRE_FALSE(held);
  CHECK(held.error().code() == Code::kNotFound);
}

TEST_CASE("a staged layer can be held and read, and is found again after its commit", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  auto store = fixture.open();
  const auto image = StoreFixture::describe("a", {"one"});
  REQUIRE(StoreFixture::stage(*store, image, {"one"}));
  const auto slot = store->reserve_layer(image.chain_ids[0], {});
  REQUIRE((slot && slot->ready));
  CHECK(store->hold_layers("pull", {*slot->ready}));
  CHECK(StoreFixture::content(*store, *slot->ready) == "one");
  REQUIRE(store->commit_image(image));
  CHECK(StoreFixture::content(*store, *slot->ready) == "one");
}

TEST_CASE("an image that is mounted as a volume cannot be removed", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  auto store = fixture.open();
  const auto image = StoreFixture::pull(*store, "a", {"one", "two"});
  REQUIRE(image);
  const std::string key = cat(ImageStore::kVolumeHold, "container/0");
  REQUIRE(store->hold_layers(key, (*image)->layers));
  const auto refused = store->remove("a");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Code::kFailedPrecondition);
  store->release_layers(key);
  CHECK(store->remove("a"));
}

TEST_CASE("what was being unpacked is swept at open", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  auto store = fixture.open();
  const auto image = StoreFixture::describe("a", {"one"});
  REQUIRE(StoreFixture::stage(*store, image, {"one"}));
  store.reset();
  store = fixture.open();
  const auto slot = store->reserve_layer(image.chain_ids[0], {});
  REQUIRE(slot);
  CHECK_FALSE(slot->ready);
  CHECK(exists(slot->staging_dir + "/fs"));
  CHECK_FALSE(exists(slot->staging_dir + "/fs/file"));
}

TEST_CASE("only the image that lost a layer is dropped, and its other layers serve the next pull",
          "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  auto store = fixture.open();
  REQUIRE(StoreFixture::pull(*store, "a", {"base", "a"}));
  REQUIRE(StoreFixture::pull(*store, "b", {"other"}));
  const auto torn = store->find("a")->layers;
  store.reset();
  REQUIRE(remove_tree(tree.path(cat("images/layers/", torn[1].number))));
  store = fixture.open();
  CHECK_FALSE(store->find("a"));
  CHECK(store->find("b"));
  const auto kept = store->reserve_layer(torn[0].chain_id, {});
  REQUIRE(kept);
  CHECK(kept->ready);
  REQUIRE(StoreFixture::pull(*store, "a", {"base", "a"}));
  store.reset();
  store = fixture.open();
  REQUIRE(store->find("a"));
  CHECK(StoreFixture::content(*store, store->find("a")->layers[1]) == "a");
}

TEST_CASE("a directory that no image knows is discarded at open", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  tree.write("images/layers/17/fs/file", "orphan");
  auto store = fixture.open();
  CHECK_FALSE(tree.has("images/layers/17"));
  const auto slot = store->reserve_layer(sha256("x").text(), {});
  REQUIRE(slot);
  CHECK(slot->staging_dir.ends_with("/18"));  // numbers are not used twice while their files exist
}

TEST_CASE("an abandoned layer can be reserved again; a staged one is ready at once", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  auto store = fixture.open();
  const auto image = StoreFixture::describe("a", {"one"});
  const auto first = store->reserve_layer(image.chain_ids[0], {});
  REQUIRE(first);
  store->abandon_layer(image.chain_ids[0]);
  REQUIRE(StoreFixture::stage(*store, image, {"one"}));
  store->abandon_layer(image.chain_ids[0]);  // the pull failed elsewhere
  const auto ready = store->reserve_layer(image.chain_ids[0], {});
  REQUIRE(ready);
  CHECK(ready->ready);
}

TEST_CASE("a reservation waits for the one before, and can be cancelled", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  auto store = fixture.open();
  const auto image = StoreFixture::describe("a", {"one"});
  REQUIRE(store->reserve_layer(image.chain_ids[0], {}));
  std::stop_source gone;
  gone.request_stop();
  const auto cancelled = store->reserve_layer(image.chain_ids[0], gone.get_token());
  REQUIRE_FALSE(cancelled);
  CHECK(cancelled.error().code() == Code::kCancelled);
  bool was_ready = false;
  {
    Lane lane({.name = "waiter"});
    REQUIRE(lane.try_post([&] {
      const auto slot = store->reserve_layer(image.chain_ids[0], {});
      was_ready = slot && slot->ready;
    }));
    REQUIRE(store->stage_layer(image.chain_ids[0], image.config.diff_ids[0], 1, 1));
  }
  CHECK(was_ready);
}

TEST_CASE("an image whose layers were not staged is not committed", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  auto store = fixture.open();
  const auto image = StoreFixture::describe("a", {"one", "two"});
  CHECK_FALSE(store->commit_image(image));
  REQUIRE(store->reserve_layer(image.chain_ids[0], {}));
  const auto refused = store->commit_image(image);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Code::kFailedPrecondition);
  CHECK(store->list().empty());
}

TEST_CASE("layer names that are no digests never become paths", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  auto store = fixture.open();
  CHECK_FALSE(store->reserve_layer("../../x", {}));
  CHECK_FALSE(store->stage_layer(sha256("x").text(), sha256("x"), 1, 1));
}

TEST_CASE("pinned names are exact, or open at either end", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  auto store =
      fixture.open({"docker.io/library/a:latest", "b", "docker.io/library/pau*", "*inner*", "*/ends:latest"});
  const auto is_pinned = [&](const char* name) {
    const auto image = store->commit_image(StoreFixture::describe(name, {}));
    return image && (*image)->pinned;
  };
  for (const char* name : {"a", "b", "pause", "an-inner-name", "inner", "ends"}) {
    INFO(name);
    CHECK(is_pinned(name));
  }
  for (const char* name : {"ab", "bb", "ipause", "inn-er", "ends2", "weekends"}) {
    INFO(name);
    CHECK_FALSE(is_pinned(name));
  }
}

TEST_CASE("a database of a newer version is left alone", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  fixture.open().reset();
  std::string database = *read_file(tree.path("images/images.db"), 1 << 20);
  database[63] = 9;  // user_version, big-endian at 60 (file format of SQLite, 1.3)
  tree.write("images/images.db", database);
  const auto opened = ImageStore::open({fixture.images(), {}, {}, {}});
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code() == Code::kFailedPrecondition);
}

TEST_CASE("pulls, removals and questions from eight threads leave a whole store", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  auto store = fixture.open();
  {
    Lane lane({.name = "chaos", .max_threads = 8});
    for (int worker = 0; worker < 8; ++worker) {
      REQUIRE(lane.try_post([&, worker] {
        for (int round = 0; round < 12; ++round) {
          const std::string name = cat("image", (worker + round) % 5);
          (void)StoreFixture::pull(*store, name, {"base", name});
          for (const ImagePtr& image : store->list()) (void)store->find(image->id);
          if (round % 3 == 0) (void)store->remove(cat("image", (worker * 3 + round) % 5));
          (void)store->usage();
        }
      }));
    }
  }
  for (const ImagePtr& image : store->list()) {
    for (const Layer& layer : image->layers) CHECK(exists(store->layer_dir(layer) + "/file"));
  }
  REQUIRE(StoreFixture::pull(*store, "image0", {"base", "image0"}));
  const std::size_t images = store->list().size();
  const auto used = store->usage();
  store.reset();
  store = fixture.open();
  CHECK(store->list().size() == images);
  CHECK(store->usage().inodes == used.inodes);
}

}  // namespace
}  // namespace berth::image
