// SPDX-License-Identifier: Apache-2.0
#include "image/manifest.hpp"

#include <catch2/catch.hpp>

#include "base/cat.hpp"
#include "image/media_types.hpp"

namespace berth::image {
namespace {

using Catch::Matchers::Contains;

const std::string kDigest = "\"sha256:" + std::string(64, 'a') + "\"";
const std::string kConfig =
    R"({"mediaType":"application/vnd.oci.image.config.v1+json","size":2,"digest":)" + kDigest + "}";
constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kIndexType = "application/vnd.oci.image.index.v1+json";
constexpr const char* kLayerType = "application/vnd.oci.image.layer.v1.tar+gzip";

std::string layer(const std::string& type, const std::string& size = "5") {
  return cat(R"({"mediaType":")", type, R"(","size":)", size, R"(,"digest":)", kDigest, "}");
}
std::string manifest(const std::string& layers, const std::string& more = "") {
  return cat(R"({"schemaVersion":2,)", more, R"("config":)", kConfig, R"(,"layers":[)", layers, "]}");
}
std::string refusal(const std::string& text, const std::string& content_type = "") {
  auto document = parse_manifest(text, content_type);
  REQUIRE_FALSE(document);
  return document.error().to_string();
}

}  // namespace

TEST_CASE("documents that are no image are refused with the reason") {
  CHECK_THAT(refusal("<html>"), Contains("not valid JSON"));
  CHECK_THAT(refusal("[]"), Contains("not a JSON object"));
  CHECK_THAT(refusal("{}"), Contains("neither an image manifest nor an index"));
  CHECK_THAT(refusal(R"({"schemaVersion":1,"fsLayers":[]})"), Contains("schema 1"));
  CHECK_THAT(refusal(manifest(""), "application/vnd.docker.distribution.manifest.v1+prettyjws"),
             Contains("schema 1"));
  CHECK_THAT(refusal(manifest("", R"("manifests":[],)")), Contains("as an image and as an index"));
  CHECK_THAT(refusal(manifest(""), kIndexType), Contains("which its content is not"));
  CHECK_THAT(refusal(manifest("", cat(R"("mediaType":")", kIndexType, "\",")), ""),
             Contains("which its content is not"));
  CHECK_THAT(refusal(manifest("", cat(R"("mediaType":")", kManifestType, "\",")), kIndexType),
             Contains("was served as"));
  CHECK_THAT(refusal(manifest("", R"("mediaType":"text/plain",)")), Contains("which its content is not"));
  CHECK_THAT(refusal(manifest("", R"("mediaType":7,)")), Contains("not a string"));
  CHECK_THAT(refusal(R"({"schemaVersion":2,"schemaVersion":2})"), Contains("occurs twice"));
  CHECK_THAT(refusal(R"({"layers":[]})"), Contains("\"config\" is missing"));
  CHECK_THAT(refusal(R"({"config":{},"layers":[]})"), Contains("digest"));
  CHECK_THAT(refusal(std::string(kMaxManifestSize + 1, ' ')), Contains("longer than"));
  std::string huge = manifest("");
  huge.replace(huge.find("\"size\":2"), 8, cat("\"size\":", kMaxConfigSize + 1));
  CHECK_THAT(refusal(huge), Contains("the image config has 4194305 bytes, the limit is 4194304"));
}

TEST_CASE("layers that cannot be unpacked are refused by digest") {
  CHECK_THAT(refusal(manifest(layer(cat(kLayerType, "+encrypted")))), Contains("is encrypted"));
  CHECK_THAT(refusal(manifest(layer("application/vnd.wasm"))),
             Contains("unsupported media type \"application/vnd.wasm\""));
  CHECK_THAT(refusal(manifest(layer(""))), Contains("unsupported media type"));
  for (const char* size : {"-1", "1.5", "\"5\"", "null", "99999999999999999"}) {
    CHECK_THAT(refusal(manifest(layer(kLayerType, size))), Contains("\"size\""));
  }
  std::string many = layer(kLayerType);
  for (std::size_t i = 0; i < kMaxLayers; ++i) many += "," + layer(kLayerType);
  CHECK_THAT(refusal(manifest(many)), Contains("has 501 layers, the limit is 500"));
}

TEST_CASE("an artifact is named by its type") {
  const std::string empty =
      R"({"mediaType":"application/vnd.oci.empty.v1+json","size":2,"digest":)" + kDigest + "}";
  CHECK_THAT(refusal(cat(R"({"config":)", empty, R"(,"layers":[]})")),
             Contains("artifact of type \"application/vnd.oci.empty.v1+json\""));
  CHECK_THAT(refusal(cat(R"({"artifactType":"a/b","config":)", empty, R"(,"layers":[]})")),
             Contains("artifact of type \"a/b\""));
  CHECK_THAT(refusal(R"({"artifactType":"a/b","blobs":[]})", "application/vnd.oci.artifact.manifest.v1+json"),
             Contains("artifact of type \"a/b\""));
  // An image stays one, whatever else somebody calls it.
  CHECK(parse_manifest(manifest("", R"("artifactType":"a/b",)"), "")->manifest);
}

TEST_CASE("foreign layers are layers, and encrypted ones of any kind are not") {
  for (const char* type : {"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
                           "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"}) {
    auto document = parse_manifest(manifest(layer(type)), "");
    REQUIRE(document);
    CHECK(media_kind(document->manifest->layers.at(0).media_type) == MediaKind::kForeignLayer);
    CHECK_THAT(refusal(manifest(layer(cat(type, "+encrypted")))), Contains("is encrypted"));
  }
}

TEST_CASE("annotations change nothing about a manifest") {
  const std::string annotations =
      R"("annotations":{"org.opencontainers.image.ref.name":"x","containerd.io/snapshot/remote":"y"})";
  const std::string annotated_layer =
      cat(R"({"mediaType":")", kLayerType, R"(","size":5,"digest":)", kDigest, ",", annotations, "}");
  auto plain = parse_manifest(manifest(layer(kLayerType)), "");
  auto annotated = parse_manifest(manifest(annotated_layer, annotations + ","), "");
  REQUIRE(plain);
  REQUIRE(annotated);
  CHECK(annotated->manifest->config.digest == plain->manifest->config.digest);
  CHECK(annotated->manifest->layers.at(0).digest == plain->manifest->layers.at(0).digest);
  CHECK(annotated->manifest->layers.at(0).media_type == plain->manifest->layers.at(0).media_type);
}

TEST_CASE("images and indexes are told apart with and without a media type") {
  const std::string stated = cat(R"("mediaType":")", kManifestType, "\",");
  for (const std::string& type : {std::string(), std::string(kManifestType),
                                  cat(kManifestType, "; charset=utf-8"), std::string("application/json")}) {
    auto document = parse_manifest(manifest(layer(kLayerType), stated), type);
    REQUIRE(document);
    REQUIRE(document->manifest);
    CHECK(document->manifest->layers.at(0).size == 5);
  }
  auto index = parse_manifest(cat(R"({"manifests":[)", layer(kManifestType), "]}"), kIndexType);
  REQUIRE(index);
  CHECK_FALSE(index->manifest);
  CHECK(index->index.manifests.size() == 1);
  auto none = parse_manifest(manifest("", R"("annotations":null,)"), "");
  REQUIRE(none);
  CHECK(none->manifest->layers.empty());
}

TEST_CASE("the best entry that the host can run is chosen") {
  using Entries = std::vector<std::optional<Platform>>;
  const Platform v3{"linux", "amd64", "v3"};
  CHECK(choose_platform(Entries{}, v3) == std::nullopt);
  CHECK(choose_platform(
            Entries{std::nullopt, Platform{"unknown", "unknown", ""}, Platform{"windows", "amd64", ""}},
            v3) == std::nullopt);
  CHECK(choose_platform(Entries{Platform{"linux", "amd64", ""}, Platform{"linux", "amd64", "v2"},
                                Platform{"linux", "amd64", "v4"}},
                        v3) == 1U);
  CHECK(choose_platform(Entries{Platform{"linux", "amd64", "v1"}, Platform{"linux", "amd64", ""}}, v3) == 0U);
  CHECK(choose_platform(Entries{Platform{"linux", "amd64", "v4"}}, v3) == std::nullopt);

  const Platform arm{"linux", "arm", "v7"};
  CHECK(choose_platform(Entries{Platform{"linux", "arm", "v5"}, Platform{"linux", "arm", "v8"},
                                Platform{"linux", "arm", "v6"}},
                        arm) == 2U);
  const Platform arm64{"linux", "arm64", "v8"};
  CHECK(choose_platform(Entries{Platform{"linux", "arm", "v7"}, Platform{"linux", "arm64", ""}}, arm64) ==
        1U);
  CHECK(choose_platform(Entries{Platform{"linux", "arm64", "v8"}}, arm64) == 0U);
  CHECK(choose_platform(Entries{Platform{"linux", "riscv64", ""}}, Platform{"linux", "riscv64", ""}) == 0U);
}

TEST_CASE("when nothing suits, the error lists what there is") {
  const Digest digest = sha256("");
  const Index index{{{"", digest, 1, Platform{"linux", "s390x", ""}, {}}, {"", digest, 1, std::nullopt, {}}}};
  auto chosen = choose_manifest(index, {"linux", "amd64", "v1"});
  REQUIRE_FALSE(chosen);
  CHECK(chosen.error().code() == Code::kNotFound);
  CHECK_THAT(chosen.error().to_string(), Contains("no image for linux/amd64/v1 (there is: linux/s390x)"));
  CHECK(choose_manifest(Index{{{"", digest, 1, std::nullopt, {}}}}, {"linux", "amd64", ""}));
}

}  // namespace berth::image
