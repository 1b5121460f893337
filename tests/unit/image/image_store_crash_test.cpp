// SPDX-License-Identifier: Apache-2.0
// Kills a program that uses the store at every failpoint, then opens what it left behind.
#include <sys/stat.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <thread>

#include "base/subprocess.hpp"
#include "store_fixture.hpp"
#include "tree.hpp"

namespace berth::image {
namespace {

using testing::Tree;

/// What store_crash_child does: pulls "kept", then "new" over the same base, then removes "new".
Completed run_child(const Tree& tree, const std::string& failpoint, const char* mode = nullptr) {
  SpawnRequest request;
  request.program = STORE_CRASH_CHILD;
  request.argv = {"store_crash_child", tree.root()};
  if (mode != nullptr) request.argv.emplace_back(mode);
  request.env = {"BERTH_FAILPOINT=" + failpoint, "TSAN_OPTIONS=exitcode=66"};
  const auto done =
      run_to_end(request, "", 1 << 16, std::chrono::steady_clock::now() + std::chrono::seconds(60));
  REQUIRE(done);
  INFO(done->err);
  return *done;
}

void check_whole(const ImageStore& store, const ImagePtr& image) {
  for (const Layer& layer : image->layers)
    CHECK_FALSE(StoreFixture::content(store, layer).starts_with("absent"));
}

TEST_CASE("a kill at any step leaves a store that opens, is whole and works", "[image][store]") {
  for (const char* step : {"image.stage", "image.sync", "image.rename", "image.rename-sync", "image.commit",
                           "image.committed", "image.remove", "image.trash"}) {
    INFO(step);
    Tree tree;
    const StoreFixture fixture(tree.root());
    {
      auto store = fixture.open();
      REQUIRE(StoreFixture::pull(*store, "kept", {"base", "kept"}));
    }
    const int status = run_child(tree, step).wait_status;
    REQUIRE(WIFSIGNALED(status));
    REQUIRE(WTERMSIG(status) == SIGKILL);

    auto store = fixture.open();
    REQUIRE(store->find("kept"));
    check_whole(*store, store->find("kept"));
    const std::string at = step;
    const bool visible = at == "image.committed" || at == "image.remove";
    CHECK((store->find("new") != nullptr) == visible);
    if (visible) check_whole(*store, store->find("new"));
    REQUIRE(StoreFixture::pull(*store, "new", {"base", "new"}));
    check_whole(*store, store->find("new"));
    store.reset();
    store = fixture.open();
    store.reset();
    CHECK(list_dir(tree.path("images/staging"))->empty());
    CHECK(list_dir(tree.path("images/layers"))->size() == 3);
  }
}

TEST_CASE("a step that fails leaves the store as it was, and the next pull succeeds", "[image][store]") {
  for (const char* step :
       {"image.stage", "image.sync", "image.rename", "image.rename-sync", "image.commit"}) {
    INFO(step);
    Tree tree;
    const int status = run_child(tree, cat(step, "=error")).wait_status;
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 3);  // "the pull failed, nothing was visible"
  }
}

TEST_CASE("a removal does not wait until the disk has taken in another image", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  REQUIRE(StoreFixture::pull(*fixture.open(), "kept", {"base", "kept"}));
  const auto done = run_child(tree, "image.sync=sleep:2000", "remove during pull");
  REQUIRE(done.wait_status == 0);
  CHECK(std::stoi(done.out) < 1000);
}

TEST_CASE("a removal returns before the files are deleted", "[image][store]") {
  Tree tree;
  const StoreFixture fixture(tree.root());
  auto store = fixture.open();
  const auto image = StoreFixture::describe("large", {"large"});
  const auto slot = store->reserve_layer(image.chain_ids[0], {});
  REQUIRE(slot);
  const auto files = open_at(kCwd, slot->staging_dir + "/fs", O_RDONLY | O_DIRECTORY);
  REQUIRE(files);
  constexpr int kFiles = 20000;
  for (int i = 0; i < kFiles; ++i) REQUIRE(open_at(files->get(), cat(i), O_WRONLY | O_CREAT, 0644));
  REQUIRE(store->stage_layer(image.chain_ids[0], image.config.diff_ids[0], 0, kFiles));
  REQUIRE(store->commit_image(image));
  REQUIRE(store->remove("large"));
  CHECK_FALSE(store->find("large"));
  struct stat status {};
  REQUIRE(::fstat(files->get(), &status) == 0);
  CHECK(status.st_nlink > 0);  // an empty, deleted directory has none
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (status.st_nlink > 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
    REQUIRE(::fstat(files->get(), &status) == 0);
  }
  CHECK(status.st_nlink == 0);
}

}  // namespace
}  // namespace berth::image
