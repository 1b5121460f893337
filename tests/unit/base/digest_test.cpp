// SPDX-License-Identifier: Apache-2.0
#include "base/digest.hpp"

#include <catch2/catch.hpp>
#include <set>

using namespace berth;

namespace {
const std::string kEmptySha256 = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const std::string kHex64(64, 'a');
}  // namespace

TEST_CASE("digests that could be a path or a fake are refused", "[base][digest]") {
  for (const std::string& text :
       {std::string(), std::string(":"), std::string("sha256"), std::string("sha256:"),
        "sha256:" + kHex64.substr(1), "sha256:" + kHex64 + "a", "sha256:" + std::string(64, 'A'),
        "sha256:../" + std::string(61, 'a'), "SHA256:" + kHex64, "md5:" + kHex64, ":" + kHex64,
        "sha256::" + kHex64.substr(1), " sha256:" + kHex64, "sha256:" + kHex64 + "\n", "sha512:" + kHex64,
        "sha256:" + kHex64.substr(1) + std::string(1, '\0'), "sha256:" + std::string(64, 'g'), kHex64}) {
    CAPTURE(text);
    const Result<Digest> parsed = Digest::parse(text);
    REQUIRE(!parsed);
    CHECK(parsed.error().code() == Code::kInvalidArgument);
  }
}

TEST_CASE("a huge digest does not make a huge error", "[base][digest]") {
  CHECK(Digest::parse(std::string(1'000'000, 'x')).error().to_string().size() < 300);
}

TEST_CASE("a digest splits into algorithm and hex", "[base][digest]") {
  const Digest wide = *Digest::parse("sha512:" + kHex64 + kHex64);
  CHECK(wide.algorithm() == "sha512");
  CHECK(wide.hex() == kHex64 + kHex64);
  CHECK(*Digest::parse("sha256:" + kHex64) == *Digest::parse("sha256:" + kHex64));
  CHECK(*Digest::parse("sha256:" + kHex64) < wide);
}

TEST_CASE("hashes equal the published test vectors", "[base][digest]") {
  CHECK(sha256("").text() == kEmptySha256);
  CHECK(sha256("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Hasher wide("sha512");
  wide.update("abc");
  CHECK(wide.finish().text() ==
        "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

TEST_CASE("a hash over pieces equals the hash over the whole", "[base][digest]") {
  Hasher hasher;
  hasher.update("a");
  hasher.update(std::string_view());
  Hasher moved = std::move(hasher);
  moved.update(std::as_bytes(std::span(std::string_view("bc"))));
  CHECK(moved.finish() == sha256("abc"));
}

TEST_CASE("random IDs are 64 hex digits and differ", "[base][digest]") {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string id = random_id();
    CHECK(id.size() == 64);
    CHECK(id.find_first_not_of("0123456789abcdef") == std::string::npos);
    seen.insert(id);
  }
  CHECK(seen.size() == 100);
}
