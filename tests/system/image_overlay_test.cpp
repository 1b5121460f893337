// SPDX-License-Identifier: Apache-2.0
// Containers' root file systems, mounted by the kernel.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <catch2/catch.hpp>

#include "base/atomic_file.hpp"
#include "base/mountinfo.hpp"
#include "image/chain_id.hpp"
#include "image/overlay_mount.hpp"
#include "image/snapshotter.hpp"
#include "image_layers_fixture.hpp"
#include "tar_builder.hpp"

namespace berth::image {
namespace {

using testing::tar_of;
using testing::TarMember;

/// A store with images made of tars, and snapshots of them.
class Node {
 public:
  Node() { open(); }
  void open() {
    snapshots.reset();
    store.reset();
    auto opened = ImageStore::open({bench.dir("images"), {}, bench.dir("snapshots")});
    REQUIRE(opened);
    store = *std::move(opened);
    auto over = Snapshotter::open(bench.dir("snapshots"), *store);
    REQUIRE(over);
    snapshots = *std::move(over);
  }
  ImagePtr image(const std::string& name, const std::vector<std::string>& tars) {
    ImageStore::NewImage image;
    image.id = sha256(name).text();
    image.repo_tag = "docker.io/library/" + name + ":latest";
    std::vector<std::string> below;
    for (const std::string& tar : tars) image.config.diff_ids.push_back(sha256(tar));
    image.chain_ids = chain_ids(image.config.diff_ids);
    for (std::size_t i = 0; i < tars.size(); ++i) {
      const auto slot = store->reserve_layer(image.chain_ids[i], {});
      REQUIRE(slot);
      if (slot->ready) continue;
      const std::string target = slot->staging_dir.substr(bench.root().size() + 1) + "/fs";
      const auto applied = bench.unpack(target, tars[i], below);
      INFO((applied ? "" : applied.error().to_string()));
      REQUIRE(applied);
      REQUIRE(store->stage_layer(image.chain_ids[i], applied->diff_id, applied->size, applied->inodes));
      below.insert(below.begin(), target);
    }
    const auto committed = store->commit_image(image);
    REQUIRE(committed);
    return *committed;
  }
  LayerBench bench;
  std::unique_ptr<ImageStore> store;
  std::unique_ptr<Snapshotter> snapshots;
};

/// For what happens in the background.
template <class Condition>
bool becomes_true(const Condition& condition) {
  for (int tries = 0; tries < 1000 && !condition(); ++tries) ::usleep(10'000);
  return condition();
}

std::string view(const UniqueFd& mount) {
  return cat("/proc/self/fd/", mount.get());
}
std::string tree_of(const Result<UniqueFd>& mount) {
  if (!mount) return mount.error().to_string();
  return describe_tree(view(*mount) + "/.");
}

TEST_CASE("a container sees its image's layers merged, and the host sees no mount", "[image][overlay]") {
  if (!enter_test_node()) return;
  Node node;
  const std::string base =
      tar_of({{.name = "./", .type = '5', .mode = 0711, .uid = 9},
              {.name = "gone", .data = "1"},
              {.name = "d", .type = '5', .mode = 0755},
              {.name = "d/hidden", .data = "1"},
              {.name = "su", .data = "s", .mode = 04755, .pax = {{"SCHILY.xattr.user.k", "v"}}},
              {.name = "null", .type = '3', .mode = 0666, .major = 1, .minor = 3}});
  const std::string top = tar_of({{.name = ".wh.gone"},
                                  {.name = "d", .type = '5', .mode = 0755},
                                  {.name = "d/.wh..wh..opq"},
                                  {.name = "d/new", .data = "2"}});
  const ImagePtr image = node.image("merged", {base, top});
  const auto before = read_mountinfo();
  const auto mount = node.snapshots->prepare("c1", *image);
  CHECK(tree_of(mount) ==
        "d d 755 0:0\nd/new f 644 0:0 \"2\"\nnull c 666 0:0 1,3\nsu f 4755 0:0 \"s\" user.k=v\n");
  const auto after = read_mountinfo();
  REQUIRE((before && after && mount));
  CHECK(before->size() == after->size());
  struct stat root {};
  REQUIRE(::stat(view(*mount).c_str(), &root) == 0);
  CHECK((root.st_mode & 07777) == 0711);
  CHECK(root.st_uid == 9);
}

TEST_CASE("an opaque root hides all layers below it", "[image][overlay]") {
  if (!enter_test_node()) return;
  Node node;
  const ImagePtr image =
      node.image("opaque", {tar_of({{.name = "old"}}), tar_of({{.name = ".wh..wh..opq"}, {.name = "new"}})});
  CHECK(tree_of(node.snapshots->prepare("c", *image)) == "new f 644 0:0 \"\"\n");
  CHECK(tree_of(node.snapshots->mount_image(*image)) == "new f 644 0:0 \"\"\n");
}

TEST_CASE("writes go to the snapshot, and its usage counts them", "[image][overlay]") {
  if (!enter_test_node()) return;
  Node node;
  const ImagePtr image = node.image("a", {tar_of({{.name = "f", .data = "old"}})});
  const auto mount = node.snapshots->prepare("c", *image);
  REQUIRE(mount);
  const auto fd = open_at(mount->get(), "f", O_WRONLY | O_TRUNC);
  REQUIRE(fd);
  REQUIRE(write_fd(fd->get(), std::string(100000, 'n'), "f"));
  CHECK(*read_file(node.store->layer_dir(image->layers[0]) + "/f", 100) == "old");
  CHECK(exists(node.snapshots->upper_dir("c") + "/f"));
  const auto usage = node.snapshots->usage("c");
  REQUIRE(usage);
  CHECK(usage->inodes == 2);
  CHECK(usage->bytes >= 100000);
  CHECK(node.snapshots->usage("other").error().code() == Code::kNotFound);
}

TEST_CASE("images of no layer and of one layer can be mounted both ways", "[image][overlay]") {
  if (!enter_test_node()) return;
  Node node;
  const ImagePtr none = node.image("none", {});
  const ImagePtr one = node.image("one", {tar_of({{.name = "f"}})});
  CHECK(tree_of(node.snapshots->prepare("a", *none)).empty());
  CHECK(tree_of(node.snapshots->prepare("b", *one)) == "f f 644 0:0 \"\"\n");
  CHECK(tree_of(node.snapshots->mount_image(*none)).empty());
  const auto mount = node.snapshots->mount_image(*one);
  CHECK(tree_of(mount) == "f f 644 0:0 \"\"\n");
  const auto refused = open_at(mount->get(), "g", O_WRONLY | O_CREAT, 0644);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().sys_errno() == EROFS);
}

TEST_CASE("a snapshot keeps its layers until it is removed, across a restart", "[image][overlay]") {
  if (!enter_test_node()) return;
  Node node;
  const ImagePtr image = node.image("a", {tar_of({{.name = "f", .data = "data"}})});
  const std::string files = node.store->layer_dir(image->layers[0]);
  auto mount = node.snapshots->prepare("c", *image);
  REQUIRE(mount);
  REQUIRE(node.store->remove("a"));
  node.open();
  CHECK(exists(files + "/f"));
  CHECK(*read_file(view(*mount) + "/f", 100) == "data");
  CHECK(node.snapshots->keys() == std::vector<std::string>{"c"});
  mount->reset();
  CHECK(node.snapshots->remove("c"));
  CHECK(node.snapshots->remove("c"));
  CHECK(node.snapshots->keys().empty());
  node.open();
  node.open();
  CHECK_FALSE(exists(files));
  CHECK(becomes_true([&] { return list_dir(node.bench.dir("snapshots/.trash"))->empty(); }));
}

TEST_CASE("keys that are no plain names are refused, used ones too", "[image][overlay]") {
  if (!enter_test_node()) return;
  Node node;
  const ImagePtr image = node.image("a", {});
  for (const std::string key : {"", ".", "..", "../x", "a/b", ".trash"}) {
    CHECK_FALSE(node.snapshots->prepare(key, *image));
    CHECK_FALSE(node.snapshots->remove(key));
  }
  REQUIRE(node.snapshots->prepare("c", *image));
  CHECK(node.snapshots->prepare("c", *image).error().code() == Code::kAlreadyExists);
}

TEST_CASE("an image that was removed meanwhile cannot be prepared, and leaves nothing", "[image][overlay]") {
  if (!enter_test_node()) return;
  Node node;
  const ImagePtr image = node.image("a", {tar_of({{.name = "f"}})});
  REQUIRE(node.store->remove("a"));
  node.open();
  CHECK(node.snapshots->prepare("c", *image).error().code() == Code::kNotFound);
  CHECK(node.snapshots->keys().empty());
}

TEST_CASE("every way to mount an overlay gives the same tree", "[image][overlay]") {
  if (!enter_test_node()) return;
  const LayerBench bench;
  OverlayRequest request;
  for (int i = 0; i < 60; ++i) {
    const std::string name = cat("a directory, with: odd\\characters ", i);
    REQUIRE(make_dirs(bench.dir(cat(name, "/", i)), 0755));
    request.lowers.push_back(bench.dir(name));
  }
  request.scratch = bench.dir("scratch");
  for (const char* name : {"scratch", "upper0", "work0", "upper1", "work1", "upper2", "work2"}) {
    REQUIRE(make_dirs(bench.dir(name), 0755));
  }
  for (const int api : {0, 1, 2}) {
    INFO("api " << api);
    request.upper = bench.dir(cat("upper", api));
    request.work = bench.dir(cat("work", api));
    const auto before = read_mountinfo()->size();
    const auto mount = mount_overlay(request, static_cast<OverlayApi>(api));
    INFO((mount ? "" : mount.error().to_string()));
    REQUIRE(mount);
    CHECK(list_dir(view(*mount))->size() == 60);
    CHECK(read_mountinfo()->size() == before);
    CHECK(open_at(mount->get(), "new", O_WRONLY | O_CREAT, 0644));
    CHECK(exists(request.upper + "/new"));
  }
}

TEST_CASE("five hundred layers are mounted, one more is refused before the kernel does", "[image][overlay]") {
  if (!enter_test_node()) return;
  const LayerBench bench;
  OverlayRequest request;
  for (int i = 0; i < 501; ++i) {
    REQUIRE(make_dirs(bench.dir(cat(i)), 0755));
    request.lowers.push_back(bench.dir(cat(i)));
  }
  const auto refused = mount_overlay(request);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Code::kInvalidArgument);
  request.lowers.pop_back();
  const auto mounted = mount_overlay(request);
  INFO((mounted ? "" : mounted.error().to_string()));
  CHECK(mounted);
}

TEST_CASE("a container of five hundred layers sees them all", "[image][overlay]") {
  if (!enter_test_node()) return;
  Node node;
  constexpr int kLayers = 500;
  ImageStore::NewImage image;
  image.id = sha256("tall").text();
  image.repo_tag = "docker.io/library/tall:latest";
  for (int i = 0; i < kLayers; ++i) image.config.diff_ids.push_back(sha256(cat(i)));
  image.chain_ids = chain_ids(image.config.diff_ids);
  for (std::size_t i = 0; i < kLayers; ++i) {
    const auto slot = node.store->reserve_layer(image.chain_ids[i], {});
    REQUIRE((slot && !slot->ready));
    REQUIRE(write_file(cat(slot->staging_dir, "/fs/", i), "", Durability::kAtomic));
    REQUIRE(node.store->stage_layer(image.chain_ids[i], image.config.diff_ids[i], 0, 1));
  }
  const auto committed = node.store->commit_image(image);
  REQUIRE(committed);
  const auto mount = node.snapshots->prepare("c", **committed);
  INFO((mount ? "" : mount.error().to_string()));
  REQUIRE(mount);
  CHECK(list_dir(view(*mount))->size() == kLayers);
  CHECK(list_dir(view(*node.snapshots->mount_image(**committed)))->size() == kLayers);
}

/// What the kernel says of a mount, once it has a place in this node.
std::string options_of(const UniqueFd& mount, const std::string& place) {
  REQUIRE(make_dirs(place, 0755));
  REQUIRE(::move_mount(mount.get(), "", AT_FDCWD, place.c_str(), MOVE_MOUNT_F_EMPTY_PATH) == 0);
  const auto mounts = read_mountinfo();
  REQUIRE(::umount2(place.c_str(), MNT_DETACH) == 0);
  REQUIRE(mounts);
  for (const MountEntry& entry : *mounts) {
    if (entry.mount_point == place) return entry.super_options;
  }
  return "not mounted";
}

TEST_CASE("only what a container writes may be lost in a power cut", "[image][overlay]") {
  if (!enter_test_node()) return;
  Node node;
  const ImagePtr image = node.image("a", {tar_of({{.name = "f"}}), tar_of({{.name = "g"}})});
  const auto container = node.snapshots->prepare("c", *image);
  const auto alone = node.snapshots->mount_image(*image);
  REQUIRE((container && alone));
  CHECK_THAT(options_of(*container, node.bench.dir("place")), Catch::Contains("volatile"));
  const std::string read_only = options_of(*alone, node.bench.dir("place"));
  CHECK_THAT(read_only, Catch::Contains("lowerdir") && !Catch::Contains("volatile"));
}

}  // namespace
}  // namespace berth::image
