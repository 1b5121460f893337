// SPDX-License-Identifier: Apache-2.0
// Layers that are packed again, and images that are checked, repaired, exported and imported.
#include <sys/stat.h>

#include <functional>

#include "fault_registry.hpp"
#include "image/archive_export.hpp"
#include "image/archive_layer.hpp"
#include "image/image_verify.hpp"
#include "image/store_walk.hpp"
#include "image/tar_stream.hpp"
#include "tar_builder.hpp"

namespace berth::image {
namespace {

using Catch::Matchers::Contains;
using testing::TarBuilder;
using testing::Tree;
using Health = ImageStore::Health;

std::string pack(const std::string& directory) {
  std::string tar;
  const auto packed = pack_layer(directory,
                                 [&](std::string_view data) -> Result<void> {
                                   tar.append(data);
                                   return {};
                                 },
                                 {});
  INFO((packed ? "" : packed.error().to_string()));
  REQUIRE(packed);
  return tar;
}

void unpack(const std::string& tar, const std::string& directory) {
  REQUIRE(make_dirs(directory, 0755));
  UnpackRequest request;
  request.program = BERTH_UNPACK;
  request.target_dir = directory;
  const auto sink = start_unpack(request, {});
  REQUIRE(sink);
  REQUIRE((*sink)->write(std::as_bytes(std::span(tar))));
  const auto applied = (*sink)->finish();
  INFO((applied ? "" : applied.error().to_string()));
  REQUIRE(applied);
}

std::string digest_of(const std::string& directory) {
  const auto digest = digest_tree(directory, {});
  return digest ? digest->text() : digest.error().to_string();
}

std::vector<VerifiedLayer> verify(const Node& node, bool repair = false) {
  auto layers = verify_images(*node.store, *node.puller, {}, repair, {});
  INFO((layers ? "" : layers.error().to_string()));
  REQUIRE(layers);
  return *std::move(layers);
}

}  // namespace

TEST_CASE("a layer that is packed again unpacks to the same tree, whatever is in it") {
  if (::geteuid() != 0) return;
  TarBuilder tar;
  tar.add({.name = "./", .type = '5', .mode = 0711, .uid = 9});
  tar.add(
      {.name = "d", .type = '5', .mode = 01777, .pax = {{"mtime", "-1.25"}, {"SCHILY.xattr.user.k", "v"}}});
  tar.add({.name = "d/.wh..wh..opq"}).add({.name = "d/.wh.gone"}).add({.name = ".wh.gone"});
  tar.add({.name = "d/file", .data = "content", .mode = 04755, .pax = {{"mtime", "1700000000.123456789"}}});
  tar.add(
      {.name = "d/huge", .pax = {{"uid", "4000000000"}, {"SCHILY.xattr.user.k", std::string("a\0b=\n", 5)}}});
  tar.add({.name = "link", .type = '1', .link = "d/file"})
      .add({.name = "soft", .type = '2', .link = "/nowhere"});
  tar.add({.name = "null", .type = '3', .mode = 0666, .major = 1, .minor = 3})
      .add({.name = "pipe", .type = '6'});
  tar.add(
      {.name = "long", .data = std::string(100'000, 'x'), .pax = {{"path", "d/" + std::string(200, 'n')}}});
  tar.add({.name = "s", .type = '2', .pax = {{"linkpath", std::string(300, 't')}}});
  tar.end();
  const Tree files;
  unpack(tar.bytes(), files.path("first"));
  const std::string packed = pack(files.path("first"));
  unpack(packed, files.path("second"));
  CHECK(digest_of(files.path("second")) == digest_of(files.path("first")));
  CHECK(pack(files.path("second")) == packed);
}

TEST_CASE("damaged layers are found, and fetched anew from where the image came from") {
  const FaultRegistry registry;
  const Node node(insecure(registry.host));
  const std::string name = registry.name("plain");
  node.must_pull(name);
  verify(node);  // whatever the background had not recorded yet
  const auto directory = [&] { return node.store->layer_dir(node.store->find(name)->layers.at(0)); };
  const std::vector<std::pair<const char*, std::function<bool(const std::string&)>>> damages = {
      {"a file", [](const std::string& at) { return ::truncate((at + "/data").c_str(), 5) == 0; }},
      {"a mode", [](const std::string& at) { return ::chmod((at + "/etc/motd").c_str(), 0600) == 0; }},
      {"a directory", [](const std::string& at) { return static_cast<bool>(remove_tree(at + "/etc")); }}};
  for (const auto& [what, damage] : damages) {
    INFO(what);
    CHECK(verify(node).at(0).health == Health::kWhole);
    const std::string old = directory();
    REQUIRE(damage(old));
    const auto found = verify(node);
    REQUIRE(found.size() == 1);
    CHECK(found[0].health == Health::kDamaged);
    CHECK_FALSE(found[0].repaired);
    CHECK(found[0].images.at(0)->repo_tags.at(0) == name + ":latest");
    CHECK(directory() == old);
    const auto repaired = verify(node, true);
    INFO(repaired.at(0).detail);
    CHECK(repaired.at(0).repaired);
    CHECK(directory() != old);
    CHECK(*read_file(directory() + "/etc/motd", 100) == "hello\n");
    verify(node);
  }
}

TEST_CASE("what cannot be fetched again stays damaged, with the reason") {
  auto registry = std::make_unique<FaultRegistry>();
  const Node node(insecure(registry->host));
  const std::string name = registry->name("plain");
  node.must_pull(name);
  verify(node);
  REQUIRE(::chmod((node.store->layer_dir(node.store->find(name)->layers.at(0)) + "/data").c_str(), 0) == 0);
  registry.reset();
  const auto layers = verify(node, true);
  CHECK(layers.at(0).health == Health::kDamaged);
  CHECK_FALSE(layers.at(0).repaired);
  CHECK_THAT(layers.at(0).detail, Contains("cannot fetch") && Contains("127.0.0.1"));
  CHECK(node.store->find(name));
}

TEST_CASE("an exported image is imported elsewhere with its names, config and files") {
  const FaultRegistry registry;
  const Node node(insecure(registry.host));
  const std::string name = registry.name("plain");
  const ImagePtr image = node.must_pull(name);
  const Tree out;
  const auto exported = export_images(*node.store, {name, image->id}, out.path("a.tar"), {});
  INFO((exported ? "" : exported.error().to_string()));
  REQUIRE(exported);
  REQUIRE(exported->size() == 1);

  const Node other("");
  const auto imported = other.puller->import(out.path("a.tar"), "", "", {});
  INFO((imported ? "" : imported.error().to_string()));
  REQUIRE(imported);
  const ImagePtr copy = other.store->find(name);
  REQUIRE(copy);
  CHECK(copy->id == exported->front().id);
  CHECK(copy->config.env == image->config.env);
  CHECK(copy->repo_tags == image->repo_tags);
  CHECK(*read_file(other.store->layer_dir(copy->layers.at(0)) + "/etc/motd", 100) == "hello\n");
  // As the docker-archive that it is, too: without the layout's own files.
  output_of({"python3", "-c",
             "import sys,tarfile\n"
             "old,new=tarfile.open(sys.argv[1]),tarfile.open(sys.argv[2],'w')\n"
             "for m in old:\n"
             "  if m.name not in ('oci-layout','index.json'): new.addfile(m,old.extractfile(m))\n"
             "new.close()\n",
             out.path("a.tar"), out.path("d.tar")});
  const Node third("");
  REQUIRE(third.puller->import(out.path("d.tar"), "", "", {}));
  CHECK(third.store->find(name)->id == copy->id);
}

TEST_CASE("an export that fails leaves no file, and none is overwritten") {
  const FaultRegistry registry;
  const Node node(insecure(registry.host));
  const ImagePtr image = node.must_pull(registry.name("plain"));
  const Tree out{{"there.tar", "precious"}};
  const auto exported = export_images(*node.store, {image->id}, out.path("there.tar"), {});
  REQUIRE_FALSE(exported);
  CHECK(exported.error().code() == Code::kAlreadyExists);
  CHECK(out.read("there.tar") == "precious");
  const auto unknown = export_images(*node.store, {"absent"}, out.path("new.tar"), {});
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code() == Code::kNotFound);
  std::stop_source stop;
  stop.request_stop();
  CHECK_FALSE(export_images(*node.store, {image->id}, out.path("new.tar"), stop.get_token()));
  CHECK_FALSE(out.has("new.tar"));
}

}  // namespace berth::image
