// SPDX-License-Identifier: Apache-2.0
#include "image/archive.hpp"

#include <catch2/catch.hpp>

#include "base/cat.hpp"
#include "fake_store.hpp"
#include "image/archive_import.hpp"
#include "tar_builder.hpp"
#include "tree.hpp"

namespace berth::image {
namespace {

using berth::testing::TarBuilder;
using berth::testing::TarMember;
using berth::testing::Tree;
using Catch::Matchers::Contains;

struct Import {
  Import() : installer(store, sinks.factory(), "/unpack", 2) {}
  std::string refusal(const std::string& path, const std::string& name = "") {
    auto images = import_archive(path, name, "", store, installer, {});
    REQUIRE_FALSE(images);
    CHECK(store.images.empty());
    return images.error().to_string();
  }
  FakeStore store;
  FakeSinks sinks;
  ImageInstaller installer;
};

std::string config_of(const std::string& layer) {
  return cat(R"({"rootfs":{"diff_ids":[")", sha256(layer).text(), "\"]}}");
}
TarMember file(const std::string& name, const std::string& data) {
  return {.name = name, .data = data};
}
std::string docker_manifest(const std::string& tags, const std::string& layer) {
  return cat(R"([{"Config":"c.json","RepoTags":)", tags, R"(,"Layers":[")", layer, "\"]}]");
}

}  // namespace

TEST_CASE("names of members are data that cannot climb") {
  CHECK(*normalise_member("./a//b/./c") == "a/b/c");
  CHECK(*normalise_member("a..b") == "a..b");
  for (const char* bad : {"", ".", "./", "/a", "..", "../a", "a/../b", "a/..", "//"}) {
    INFO(bad);
    CHECK(normalise_member(bad).error().code() == Code::kInvalidArgument);
  }
}

TEST_CASE("an old docker-archive whose layers are links to each other is read") {
  const Tree files;
  const TarMember link{.name = "two/layer.tar", .type = '2', .link = "../one/layer.tar"};
  files.write("a.tar", TarBuilder()
                           .add({.name = "./", .type = '5'})
                           .add(file("one/layer.tar", "data"))
                           .add(link)
                           .add(file("c.json", config_of("data")))
                           .add(file("manifest.json", docker_manifest(R"(["x:1","y:2"])", "two/layer.tar")))
                           .end()
                           .bytes());
  Import import;
  auto images = import_archive(files.path("a.tar"), "", "", import.store, import.installer, {});
  if (!images) FAIL(images.error().to_string());
  CHECK(images->size() == 1);
  REQUIRE(import.store.images.size() == 2);
  CHECK(import.store.images[1]->repo_tags == std::vector<std::string>{"docker.io/library/y:2"});
}

TEST_CASE("links in an archive lead to members only, and not in circles") {
  const Tree files;
  for (const char* target : {"../../etc/passwd", "/etc/passwd", "layer.tar", "../gone"}) {
    INFO(target);
    const TarMember link{.name = "one/layer.tar", .type = '2', .link = target};
    files.write("a.tar", TarBuilder()
                             .add(link)
                             .add(file("c.json", config_of("data")))
                             .add(file("manifest.json", docker_manifest("null", "one/layer.tar")))
                             .end()
                             .bytes());
    Import import;
    import.refusal(files.path("a.tar"));
  }
}

TEST_CASE("malformed archives are refused with the reason") {
  const Tree files;
  Import import;
  const auto of_docker = [&](const std::string& manifest) {
    files.write("a.tar", TarBuilder()
                             .add(file("c.json", config_of("data")))
                             .add(file("l", "data"))
                             .add(file("manifest.json", manifest))
                             .end()
                             .bytes());
    return import.refusal(files.path("a.tar"));
  };
  CHECK_THAT(of_docker("{}"), Contains("not a list of images"));
  CHECK_THAT(of_docker("[]"), Contains("not a list of images"));
  CHECK_THAT(of_docker("[5]"), Contains("not a JSON object"));
  CHECK_THAT(of_docker(docker_manifest("5", "l")), Contains("\"RepoTags\" is not an array"));
  CHECK_THAT(of_docker(docker_manifest("[\"UP\"]", "l")), Contains("malformed image reference \"UP\""));
  CHECK_THAT(of_docker(docker_manifest("[]", "absent")), Contains("there is no \"absent\""));
  CHECK_THAT(of_docker(docker_manifest("[]", "c.json")), Contains("the image config says"));

  files.write("layout/oci-layout", R"({"imageLayoutVersion":"2.0"})");
  CHECK_THAT(import.refusal(files.path("layout")), Contains("version \"2.0\""));
  files.write("layout/oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
  CHECK_THAT(import.refusal(files.path("layout")), Contains("there is no \"index.json\""));
  files.write("layout/index.json", R"({"manifests":[]})");
  CHECK_THAT(import.refusal(files.path("layout")), Contains("no image for"));
  const std::string digest = sha256("absent").text();
  files.write(
      "layout/index.json",
      cat(R"({"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":")",
          digest, "\"}]}"));
  CHECK_THAT(import.refusal(files.path("layout")),
             Contains(cat("there is no \"blobs/sha256/", sha256("absent").hex())));
  files.write(cat("layout/blobs/sha256/", sha256("absent").hex()), "y");
  CHECK_THAT(import.refusal(files.path("layout")), Contains("digest mismatch"));
  files.write("text", "this is no archive");
  import.refusal(files.path("text"));
  CHECK_THAT(import.refusal("/dev/null"), Contains("neither a directory nor a regular file"));
}

TEST_CASE("one name cannot stand for two images") {
  const Tree files;
  const std::string two = cat(R"([{"Config":"c.json","Layers":["l"]},{"Config":"d.json","Layers":["l"]}])");
  files.write("a.tar", TarBuilder()
                           .add(file("c.json", config_of("data")))
                           .add(file("d.json", config_of("data") + " "))
                           .add(file("l", "data"))
                           .add(file("manifest.json", two))
                           .end()
                           .bytes());
  Import import;
  CHECK_THAT(import.refusal(files.path("a.tar"), "x"), Contains("cannot name the 2 images"));
  CHECK_THAT(import.refusal(files.path("a.tar"), "x@" + sha256("").text()), Contains("needs a tag"));
  auto images = import_archive(files.path("a.tar"), "", "", import.store, import.installer, {});
  REQUIRE(images);
  CHECK(images->size() == 2);
  CHECK(images->front()->repo_tags.empty());
}

}  // namespace berth::image
