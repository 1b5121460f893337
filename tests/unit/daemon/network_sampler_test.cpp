// SPDX-License-Identifier: Apache-2.0
#include "daemon/state/network_sampler.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <future>

using namespace berth;
using namespace berth::daemon;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kLong{20'000};

Result<std::vector<berth::runtime::InterfaceCounters>> named(const std::string& name) {
  return std::vector<berth::runtime::InterfaceCounters>{{name, {}, {}}};
}

}  // namespace

TEST_CASE("A refresh waits for the samples that it asked for, and takes new ones as good") {
  std::atomic<int> reads{0};
  NetworkSampler sampler(
      [&](const std::string& pod) {
        ++reads;
        return named(pod);
      },
      kLong);
  CHECK_FALSE(sampler.get("a"));
  sampler.refresh({"a", "b"});
  REQUIRE(sampler.get("a"));
  CHECK(sampler.get("a")->interfaces.front().name == "a");
  CHECK(sampler.get("b")->taken_ns > 0);
  sampler.refresh({"a", "b"});
  CHECK(reads == 2);
  sampler.forget("a");
  CHECK_FALSE(sampler.get("a"));
}

TEST_CASE("A kernel that does not answer costs a moment, once, and the other pods nothing") {
  std::promise<void> held;
  std::atomic<int> stuck_reads{0};
  auto let_go = held.get_future().share();
  NetworkSampler sampler(
      [&, let_go](const std::string& pod) {
        if (pod == "stuck") {
          ++stuck_reads;
          let_go.wait();
        }
        return named(pod);
      },
      milliseconds(50));
  const auto began = std::chrono::steady_clock::now();
  sampler.refresh({"stuck", "free"});
  CHECK(std::chrono::steady_clock::now() - began < kLong);
  CHECK_FALSE(sampler.get("stuck"));
  CHECK(sampler.get("free"));
  sampler.refresh({"stuck"});  // the read under way is the one that counts
  CHECK(stuck_reads == 1);
  held.set_value();
}

TEST_CASE("A namespace that is gone has no sample, not an old one") {
  std::atomic<bool> gone{false};
  NetworkSampler sampler(
      [&](const std::string& pod) -> Result<std::vector<berth::runtime::InterfaceCounters>> {
        if (gone) return Error(Code::kNotFound, "gone");
        return named(pod);
      },
      kLong);
  gone = true;
  sampler.refresh({"a"});
  CHECK_FALSE(sampler.get("a"));
  gone = false;
  sampler.refresh({"a"});
  CHECK(sampler.get("a"));
}
