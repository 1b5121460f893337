// SPDX-License-Identifier: Apache-2.0
#include "image/reference.hpp"

#include <catch2/catch.hpp>

namespace berth::image {
namespace {

const std::string kHex(64, 'a');

std::string normal(const std::string& text) {
  auto reference = parse_reference(text);
  return reference ? reference->text() : "error: " + reference.error().to_string();
}

}  // namespace

TEST_CASE("what is no reference is refused, and named") {
  const auto bad = GENERATE_COPY(
      as<std::string>{}, "", " ", "A", "busyBox", "busybox:", "busybox:-x", "busybox:.x", "busybox:a b",
      "/busybox", "busybox/", "a//b", "a/../b", "..", ".a", "a.", "_a", "a_", "a___b", "a..b", "-a", "a-",
      "a/-b", "host:port/a", "host:123456/a", "host:/a", "[::1/a", "[]/a", "[::1]x/a", "ex_ample.com/a",
      "-h.com/a", "h..com/a", "busybox@", "busybox@sha256:abc", "busybox@md5:" + std::string(32, 'a'),
      "busybox@sha256:" + std::string(64, 'A'), "busybox@sha256:" + kHex + "@sha256:" + kHex,
      "@sha256:" + kHex, ":tag", "https://example.com/a", "a\nb", std::string("a\0b", 3), kHex,
      "example.com/a:" + std::string(129, 't'), std::string(256, 'a'), std::string(5000, 'a'), "a:b:c", "é");
  INFO(bad);
  auto reference = parse_reference(bad);
  REQUIRE_FALSE(reference);
  CHECK(reference.error().code() == Code::kInvalidArgument);
  CHECK(reference.error().to_string().find("malformed image reference \"") == 0);
  CHECK(reference.error().to_string().size() < 700);
}

TEST_CASE("names are normalised like everywhere else") {
  CHECK(normal("busybox") == "docker.io/library/busybox:latest");
  CHECK(normal("busybox:1.36") == "docker.io/library/busybox:1.36");
  CHECK(normal("team/app") == "docker.io/team/app:latest");
  CHECK(normal("docker.io/busybox") == "docker.io/library/busybox:latest");
  CHECK(normal("index.docker.io/library/busybox") == "docker.io/library/busybox:latest");
  CHECK(normal("localhost/a") == "localhost/a:latest");
  CHECK(normal("localhost:5000/a:b") == "localhost:5000/a:b");
  CHECK(normal("127.0.0.1:5000/a/b/c:V1_2.3-x") == "127.0.0.1:5000/a/b/c:V1_2.3-x");
  CHECK(normal("[::1]:5000/a") == "[::1]:5000/a:latest");
  CHECK(normal("Example.COM/a") == "Example.COM/a:latest");
  CHECK(normal("a__b/c--d/e.f") == "docker.io/a__b/c--d/e.f:latest");
  CHECK(normal("host/a:5000") == "docker.io/host/a:5000");
  CHECK(normal("busybox:" + std::string(128, 't')) == "docker.io/library/busybox:" + std::string(128, 't'));
}

TEST_CASE("a digest wins over a tag, which stays readable") {
  auto reference = parse_reference("quay.io/a/b:1@sha256:" + kHex);
  REQUIRE(reference);
  CHECK(reference->text() == "quay.io/a/b@sha256:" + kHex);
  CHECK(reference->tag == "1");
  CHECK(reference->tag_or_digest() == "sha256:" + kHex);
  CHECK(parse_reference("a@sha256:" + kHex)->tag.empty());
}

TEST_CASE("the implied library belongs to docker.io alone") {
  CHECK(with_host(*parse_reference("busybox:1"), "quay.io").text() == "quay.io/busybox:1");
  CHECK(with_host(*parse_reference("busybox:1"), "docker.io").text() == "docker.io/library/busybox:1");
  CHECK(with_host(*parse_reference("team/app"), "quay.io").text() == "quay.io/team/app:latest");
}

}  // namespace berth::image
