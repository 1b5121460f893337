// SPDX-License-Identifier: Apache-2.0
// Pulls "new" and removes it; with a failpoint in the environment it does not get that far.
// "remove during pull": prints the milliseconds that a removal waited at most meanwhile.
// "for ever FIRST": pulls large images with numbers from FIRST on and removes some, and says so: "has N",
// "removes N", until it fails.
// Exit status: 0 all done, 1 the store is not as it should be, 3 the pull failed and left nothing.
#include <chrono>
#include <cstdio>

#include "base/lane.hpp"
#include "store_fixture.hpp"

using berth::image::StoreFixture;

namespace {

int remove_during_pull(const StoreFixture& fixture) {
  using Clock = std::chrono::steady_clock;
  const auto store = fixture.open();
  berth::Lane lane({.name = "pull"});
  if (!lane.try_post([&] { (void)StoreFixture::pull(*store, "new", {"base", "new"}); })) return 1;
  Clock::duration longest{};
  for (const auto begin = Clock::now(); Clock::now() - begin < std::chrono::milliseconds(300);) {
    const auto asked = Clock::now();
    if (!store->remove("kept")) return 1;
    longest = std::max(longest, Clock::now() - asked);
  }
  std::printf("%lld", static_cast<long long>(longest / std::chrono::milliseconds(1)));
  return 0;
}

int work_for_ever(const StoreFixture& fixture, int first) {
  const auto store = fixture.open();
  for (int number = first;; ++number) {
    const auto layers = StoreFixture::large_layers(number);
    if (!StoreFixture::pull(*store, berth::cat("n", number), layers)) return 3;
    std::printf("has %d\n", number);
    std::fflush(stdout);
    if (number % 3 != 2) continue;
    std::printf("removes %d\n", number - 1);
    std::fflush(stdout);
    if (!store->remove(berth::cat("n", number - 1))) return 3;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 1;
  const StoreFixture fixture(argv[1]);
  if (argc > 3) return work_for_ever(fixture, std::stoi(argv[3]));
  if (argc > 2) return remove_during_pull(fixture);
  auto store = fixture.open();
  const auto pulled = StoreFixture::pull(*store, "new", {"base", "new"});
  if (!pulled) {
    std::fprintf(stderr, "%s\n", pulled.error().to_string().c_str());
    return store->find("new") == nullptr && store->list().empty() ? 3 : 1;
  }
  const bool removed = static_cast<bool>(store->remove("new"));
  store.reset();  // the background's work ends here
  return removed ? 0 : 1;
}
