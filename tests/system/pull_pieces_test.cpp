// SPDX-License-Identifier: Apache-2.0
// Blobs that come by several connections, from registries that give ranges and from those that say so.
#include <thread>

#include "fault_registry.hpp"

namespace berth::image {
namespace {

using Catch::Matchers::Contains;

constexpr std::uint64_t kPiece = 256U << 10;

/// A client that loses patience with a slow connection at once.
struct Hasty {
  Hasty(const FaultRegistry& registry, const std::string& fault, int patience_ms = 30)
      : client(registry, fault, 2, {&lane, kPiece, 3, std::chrono::milliseconds(patience_ms)}) {}

  Lane lane{{"pieces", 0, 3, 100, 1}};
  Impatient client;
};

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("the rest of a slow blob comes in pieces, in order and once") {
  const FaultRegistry registry;
  Hasty hasty(registry, "trickle");
  const Descriptor layer = hasty.client.layer();
  auto fetched = hasty.client.fetch(layer);
  if (!fetched) FAIL(fetched.error().to_string());
  CHECK(*fetched == layer.size);
  const std::string log = registry.log();
  CHECK(count_of(log, "/v2/trickle/blobs/") > 8);
  CHECK(count_of(log, "/v2/trickle/blobs/") < layer.size / kPiece + 3);
}

TEST_CASE("a blob whose server does not offer ranges comes by one connection, however slow") {
  const FaultRegistry registry;
  Hasty hasty(registry, "trickle-silent");
  REQUIRE(hasty.client.fetch(hasty.client.layer()));
  CHECK(count_of(registry.log(), "/v2/trickle-silent/blobs/") == 1);
}

TEST_CASE("a slow reader is not helped by more connections") {
  const FaultRegistry registry;
  Hasty hasty(registry, "plain", 300);
  const Descriptor layer = hasty.client.layer();
  BlobProgress progress(layer);
  const BlobReader slow = [](std::span<const std::byte>) -> Result<void> {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    return {};
  };
  REQUIRE(hasty.client.client.fetch_blob(layer, progress, slow, {}));
  CHECK(count_of(registry.log(), "/v2/plain/blobs/") == 1);
}

TEST_CASE("after wrong pieces the rest comes by one connection") {
  const FaultRegistry registry;
  for (const char* fault : {"trickle-wrong", "trickle-whole", "trickle-short"}) {
    INFO(fault);
    Hasty hasty(registry, fault);
    const Descriptor layer = hasty.client.layer();
    auto fetched = hasty.client.fetch(layer);
    if (!fetched) FAIL(fetched.error().to_string());
    CHECK(*fetched == layer.size);
  }
  CHECK_THAT(Hasty(registry, "trickle-lies").client.refusal(Code::kFailedPrecondition),
             Contains("digest mismatch"));
}

TEST_CASE("a reader's error and a caller's leaving end the pieces, too") {
  const FaultRegistry registry;
  Hasty hasty(registry, "trickle");
  const Descriptor layer = hasty.client.layer();
  BlobProgress progress(layer);
  std::uint64_t read = 0;
  const BlobReader full = [&](std::span<const std::byte> data) -> Result<void> {
    read += data.size();
    return read > layer.size / 2 ? Error(Code::kResourceExhausted, "the disk is full") : Result<void>();
  };
  auto stopped = hasty.client.client.fetch_blob(layer, progress, full, {});
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().to_string() == "the disk is full");

  std::stop_source cancel;
  BlobProgress again(layer);
  const BlobReader leave = [&](std::span<const std::byte>) -> Result<void> {
    if (again.offset > layer.size / 2) cancel.request_stop();
    return {};
  };
  auto left = hasty.client.client.fetch_blob(layer, again, leave, cancel.get_token());
  REQUIRE_FALSE(left);
  CHECK(static_cast<int>(left.error().code()) == static_cast<int>(Code::kCancelled));
}

}  // namespace berth::image
