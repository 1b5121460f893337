// SPDX-License-Identifier: Apache-2.0
// Kills a program that uses the store at every failpoint, then opens what it left behind.
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>

#include "base/subprocess.hpp"
#include "store_fixture.hpp"
#include "tree.hpp"

namespace berth::image {
namespace {

using testing::Tree;

/// What store_crash_child does: pulls "kept", then "new" over the same base, then removes "new".
int run_child(const Tree& tree, const std::string& failpoint) {
  SpawnRequest request;
  request.program = STORE_CRASH_CHILD;
  request.argv = {"store_crash_child", tree.root()};
  request.env = {"BERTH_FAILPOINT=" + failpoint, "TSAN_OPTIONS=exitcode=66"};
  const auto done =
      run_to_end(request, "", 1 << 16, std::chrono::steady_clock::now() + std::chrono::seconds(60));
  REQUIRE(done);
  INFO(done->err);
  return done->wait_status;
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
    const int status = run_child(tree, step);
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
    const int status = run_child(tree, cat(step, "=error"));
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 3);  // "the pull failed, nothing was visible"
  }
}

}  // namespace
}  // namespace berth::image
