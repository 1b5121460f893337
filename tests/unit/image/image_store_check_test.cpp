// SPDX-License-Identifier: Apache-2.0
// Damage is found, and what replaces it comes beside it.
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <functional>

#include "base/remove_tree.hpp"
#include "image/store_sqlite.hpp"
#include "store_fixture.hpp"
#include "tree.hpp"

namespace berth::image {
namespace {

using testing::Tree;
using Health = ImageStore::Health;

Health health(ImageStore& store, const Layer& layer) {
  const auto check = store.check_layer(layer, {});
  INFO((check ? check->detail : check.error().to_string()));
  REQUIRE(check);
  return check->health;
}

/// A store with image "a" of layers "base" and "a", both recorded.
struct Recorded {
  Recorded() {
    REQUIRE(StoreFixture::pull(*store, "a", {"base", "a"}));
    for (const Layer& layer : layers()) (void)health(*store, layer);  // or the background was faster
  }
  std::vector<Layer> layers() const { return store->find("a")->layers; }
  std::string top() const { return store->layer_dir(layers()[1]); }

  Tree tree;
  StoreFixture fixture{tree.root()};
  std::unique_ptr<ImageStore> store = fixture.open();
};

TEST_CASE("a layer as it was unpacked is whole, also for the next daemon", "[image][store]") {
  Recorded node;
  for (int round = 0; round < 2; ++round) {
    for (const Layer& layer : node.layers()) CHECK(health(*node.store, layer) == Health::kWhole);
    node.store.reset();
    node.store = node.fixture.open();
  }
}

TEST_CASE("any change of a layer's files is damage", "[image][store]") {
  const std::vector<std::pair<const char*, std::function<bool(const std::string&)>>> changes = {
      {"content",
       [](const std::string& dir) {
         struct stat status {};
         const std::string file = dir + "/file";
         if (::stat(file.c_str(), &status) != 0) return false;
         const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
         const timespec times[] = {status.st_atim, status.st_mtim};
         // Same size, same time: only the bytes tell.
         return ::pwrite(fd.get(), "b", 1, 0) == 1 && ::futimens(fd.get(), times) == 0;
       }},
      {"mode", [](const std::string& dir) { return ::chmod((dir + "/file").c_str(), 0600) == 0; }},
      {"file", [](const std::string& dir) { return ::unlink((dir + "/file").c_str()) == 0; }},
      {"name", [](const std::string& dir) { return ::symlink("x", (dir + "/more").c_str()) == 0; }},
      {"root's mode", [](const std::string& dir) { return ::chmod(dir.c_str(), 0700) == 0; }},
      {"directory", [](const std::string& dir) { return static_cast<bool>(remove_tree(dir)); }},
      {"hard link", [](const std::string& dir) {
         return ::rename((dir + "/file").c_str(), (dir + "/x").c_str()) == 0 &&
                ::link((dir + "/x").c_str(), (dir + "/file").c_str()) == 0;
       }}};
  for (const auto& [what, change] : changes) {
    INFO(what);
    Recorded node;
    REQUIRE(change(node.top()));
    CHECK(health(*node.store, node.layers()[0]) == Health::kWhole);
    CHECK(health(*node.store, node.layers()[1]) == Health::kDamaged);
  }
}

TEST_CASE("a damaged layer is unpacked anew beside the old one, which its holders keep", "[image][store]") {
  Recorded node;
  REQUIRE(StoreFixture::pull(*node.store, "b", {"base", "a", "b"}));
  const Layer damaged = node.layers()[1];
  const std::string old_dir = node.top();
  REQUIRE(node.store->hold_layers("container", {damaged}));
  node.tree.write(cat("snapshots/container/layers"), cat(damaged.number, "\n"));
  node.tree.write(cat("images/layers/", damaged.number, "/fs/file"), "rotten");
  REQUIRE(health(*node.store, damaged) == Health::kDamaged);
  CHECK(StoreFixture::content(*node.store, node.layers()[1]) == "rotten");  // until it is replaced

  REQUIRE(StoreFixture::pull(*node.store, "a", {"base", "a"}));
  for (int round = 0; round < 2; ++round) {
    for (const char* name : {"a", "b"}) {
      const ImagePtr image = node.store->find(name);
      REQUIRE(image);
      CHECK(image->layers[1].number != damaged.number);
      CHECK(StoreFixture::content(*node.store, image->layers[1]) == "a");
      CHECK(image->layers[1].chain_id == damaged.chain_id);
    }
    CHECK(health(*node.store, node.layers()[1]) != Health::kDamaged);
    CHECK(*read_file(old_dir + "/file", 100) == "rotten");  // the container's
    node.store.reset();
    node.store = node.fixture.open();
  }
  REQUIRE(remove_tree(node.tree.path("snapshots/container")));
  node.store->release_layers("container");
  node.store.reset();
  node.store = node.fixture.open();
  node.store.reset();
  CHECK_FALSE(exists(old_dir));
}

TEST_CASE("a repair that is given up leaves the damaged layer in use", "[image][store]") {
  Recorded node;
  const Layer damaged = node.layers()[1];
  node.tree.write(cat("images/layers/", damaged.number, "/fs/file"), "rotten");
  REQUIRE(health(*node.store, damaged) == Health::kDamaged);
  const auto slot = node.store->reserve_layer(damaged.chain_id, {});
  REQUIRE((slot && !slot->ready));
  node.store->abandon_layer(damaged.chain_id);
  CHECK(node.store->find("a")->layers[1].number == damaged.number);
  CHECK(node.store->hold_layers("container", node.layers()));
  REQUIRE(node.store->remove("a"));
  REQUIRE(StoreFixture::pull(*node.store, "a", {"base", "a"}));
  CHECK(StoreFixture::content(*node.store, node.layers()[1]) == "a");
}

TEST_CASE("an image that goes while it is repaired can be pulled again", "[image][store]") {
  Recorded node;
  const Layer damaged = node.layers()[1];
  node.tree.write(cat("images/layers/", damaged.number, "/fs/file"), "rotten");
  REQUIRE(health(*node.store, damaged) == Health::kDamaged);
  const auto repaired = StoreFixture::describe("a", {"base", "a"});
  REQUIRE(StoreFixture::stage(*node.store, repaired, {"base", "a"}));
  REQUIRE(node.store->hold_layers("pull", {node.layers()[0]}));
  REQUIRE(node.store->remove("a"));
  REQUIRE(StoreFixture::pull(*node.store, "a", {"base", "a"}));
  CHECK(StoreFixture::content(*node.store, node.layers()[1]) == "a");
  node.store.reset();
  node.store = node.fixture.open();
  REQUIRE(node.store->find("a"));
  CHECK(StoreFixture::content(*node.store, node.layers()[1]) == "a");
}

TEST_CASE("a store of an older version is opened, and its layers are recorded", "[image][store]") {
  Recorded node;
  node.store.reset();
  {
    auto old = Sqlite::open(node.tree.path("images/images.db"));
    REQUIRE(old);
    REQUIRE(old->run("ALTER TABLE layer DROP COLUMN tree; DROP TABLE signature; PRAGMA user_version=1;"));
  }
  node.store = node.fixture.open();
  REQUIRE(node.store->find("a"));
  (void)health(*node.store, node.layers()[1]);
  node.tree.write(cat("images/layers/", node.layers()[1].number, "/fs/file"), "rotten");
  CHECK(health(*node.store, node.layers()[1]) == Health::kDamaged);
}

}  // namespace
}  // namespace berth::image
