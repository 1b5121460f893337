// SPDX-License-Identifier: Apache-2.0
#include "image/image_install.hpp"

#include <catch2/catch.hpp>
#include <thread>

#include "base/cat.hpp"
#include "fake_store.hpp"

namespace berth::image {
namespace {

using Catch::Matchers::Contains;

struct Bench {
  explicit Bench(unsigned parallel = 4) : installer(store, sinks.factory(), "/unpack", parallel) {}

  InstallRequest image(const std::vector<std::string>& layers, const std::string& more_diff_ids = "") {
    std::string diff_ids = more_diff_ids;
    InstallRequest request{Manifest{source.add("{}"), {}}, "{}", "a.io/b:1", {}};
    for (const std::string& layer : layers) {
      diff_ids += (diff_ids.empty() ? "\"" : ",\"") + sha256(layer).text() + "\"";
      request.manifest.layers.push_back(source.add(layer));
    }
    request.manifest.config = source.add(cat(R"({"rootfs":{"diff_ids":[)", diff_ids, "]}}"));
    return request;
  }
  std::string refusal(const InstallRequest& request) {
    auto image = installer.install(source, request, {}, watched);
    REQUIRE_FALSE(image);
    CHECK(store.images.empty());
    CHECK(store.stages.empty());
    CHECK(store.holds.empty());
    return image.error().to_string();
  }

  FakeStore store;
  FakeSinks sinks;
  FakeSource source;
  PullProgress watched;
  ImageInstaller installer;
};

}  // namespace

TEST_CASE("after any failure nothing is left reserved, staged or held") {
  Bench bench;
  CHECK_THAT(bench.refusal(bench.image({"one", "bad", "three"})),
             Contains(cat("fetch layer ", sha256("bad").text(), ": layer entry \"x\": bad")));
  CHECK_THAT(bench.refusal(bench.image({"one"}, "\"" + sha256("x").text() + "\"")),
             Contains("1 layers, the image config 2 diff IDs"));

  InstallRequest lying = bench.image({"one", "two"});
  std::swap(lying.manifest.layers[0], lying.manifest.layers[1]);
  CHECK_THAT(bench.refusal(lying), Contains("the image config says"));

  const InstallRequest missing = bench.image({"one", "two"});
  bench.source.blobs.erase(sha256("two").text());
  CHECK_THAT(bench.refusal(missing), Contains("status 404"));
  bench.source.blobs.erase(missing.manifest.config.digest.text());
  CHECK_THAT(bench.refusal(missing), Contains("fetch config sha256:"));

  bench.store.commit_error = "disk full";
  CHECK_THAT(bench.refusal(bench.image({"one", "two"})), Contains("commit: disk full"));
}

TEST_CASE("an oversized or foreign config is refused before any layer is fetched") {
  Bench bench;
  InstallRequest large = bench.image({"one"});
  large.manifest.config.size = kMaxConfigSize + 1;
  CHECK_THAT(bench.refusal(large), Contains("the limit is 4194304"));
  InstallRequest wide = bench.image({}, "\"sha512:" + std::string(128, 'a') + "\"");
  wide.manifest.layers.push_back(bench.source.add("x"));
  CHECK_THAT(bench.refusal(wide), Contains("is not a sha256"));
  CHECK(bench.sinks.requests.empty());
}

TEST_CASE("a layer that leans on those below is unpacked after them") {
  Bench bench(1);
  bench.sinks.hold_back = false;
  // On one thread the lowers are always there first, so the layer on top is asked for alone.
  REQUIRE(bench.installer.install(bench.source, bench.image({"one", "two", "link"}), {}, bench.watched));
  const UnpackRequest& last = bench.sinks.requests.back();
  CHECK(last.lowers_complete);
  const auto chains = chain_ids({sha256("one"), sha256("two"), sha256("link")});
  CHECK(last.lower_dirs == std::vector<std::string>{"dir/" + chains[1], "dir/" + chains[0]});
}

TEST_CASE("a layer that came too early is tried again, with everything below it") {
  Bench bench(2);
  bench.sinks.hold_back = true;
  std::jthread release([&] {
    std::unique_lock lock(bench.sinks.mutex);
    // The first attempt at "link" has ended when a third sink was asked for, or soon will have.
    while (bench.sinks.requests.size() < 2) {
      lock.unlock();
      std::this_thread::yield();
      lock.lock();
    }
    bench.sinks.hold_back = false;
    bench.sinks.released.notify_all();
  });
  auto image = bench.installer.install(bench.source, bench.image({"slow", "link"}), {}, bench.watched);
  REQUIRE(image);
  CHECK(bench.sinks.requests.size() == 3);
  CHECK_FALSE(bench.sinks.requests[1].lowers_complete);
  CHECK(bench.sinks.requests[2].lower_dirs.size() == 1);
}

TEST_CASE("layers that are there already are held, not fetched") {
  Bench bench;
  const InstallRequest request = bench.image({"one", "two"});
  REQUIRE(bench.installer.install(bench.source, request, {}, bench.watched));
  REQUIRE(bench.installer.install(bench.source, request, {}, bench.watched));
  CHECK(bench.sinks.requests.size() == 2);
  CHECK(bench.store.holds.empty());
}

TEST_CASE("a layer that is removed between finding and holding it is fetched again") {
  Bench bench(1);
  const InstallRequest request = bench.image({"one"});
  REQUIRE(bench.installer.install(bench.source, request, {}, bench.watched));
  bench.store.vanishing = 1;
  REQUIRE(bench.installer.install(bench.source, request, {}, bench.watched));
  CHECK(bench.sinks.requests.size() == 2);
}

TEST_CASE("no more layers are open at once than allowed, over all images") {
  Bench bench(2);
  std::vector<std::string> layers;
  for (int i = 0; i < 20; ++i) layers.push_back("layer" + std::to_string(i));
  const InstallRequest one = bench.image(layers);
  const InstallRequest other = bench.image({"x", "y", "z"});
  PullProgress others;
  std::jthread concurrent([&] { (void)bench.installer.install(bench.source, other, {}, others); });
  REQUIRE(bench.installer.install(bench.source, one, {}, bench.watched));
  concurrent.join();
  CHECK(bench.sinks.most_open <= 2);
  CHECK(bench.sinks.requests.size() == 23);
}

TEST_CASE("a cancelled image waits neither for its layers nor for those of others") {
  Bench bench(1);
  bench.sinks.hold_back = true;
  const InstallRequest slow = bench.image({"slow1"});
  const InstallRequest queued = bench.image({"slow2", "slow3"});
  std::stop_source stop_slow, stop_queued;
  PullProgress slow_watched;
  std::jthread first(
      [&] { CHECK_FALSE(bench.installer.install(bench.source, slow, stop_slow.get_token(), slow_watched)); });
  while (true) {
    std::lock_guard lock(bench.sinks.mutex);
    if (bench.sinks.open == 1) break;
  }
  stop_queued.request_stop();
  auto image = bench.installer.install(bench.source, queued, stop_queued.get_token(), bench.watched);
  REQUIRE_FALSE(image);
  CHECK(image.error().code() == Code::kCancelled);
  stop_slow.request_stop();
  first.join();
  CHECK(bench.store.stages.empty());
}

TEST_CASE("an image without layers is an image") {
  Bench bench;
  auto image = bench.installer.install(bench.source, bench.image({}), {}, bench.watched);
  REQUIRE(image);
  CHECK((*image)->repo_tags == std::vector<std::string>{"a.io/b:1"});
}

}  // namespace berth::image
