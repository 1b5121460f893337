// SPDX-License-Identifier: Apache-2.0
// Pulls "new" and removes it; with a failpoint in the environment it does not get that far.
// Exit status: 0 all done, 1 the store is not as it should be, 3 the pull failed and left nothing.
#include <cstdio>

#include "store_fixture.hpp"

using berth::image::StoreFixture;

int main(int argc, char** argv) {
  if (argc != 2) return 1;
  const StoreFixture fixture(argv[1]);
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
