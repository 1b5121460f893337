// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/one_time_auth.hpp"

#include <catch2/catch.hpp>

#include "base/digest.hpp"
#include "tree.hpp"

namespace berth::daemon {
namespace {

std::string name_of(const std::string& name_space, const std::string& image) {
  return name_space + "-" + std::string(sha256(image).hex()) + ".json";
}

}  // namespace

TEST_CASE("credentials for one pull are taken once, and are gone after it") {
  const berth::testing::Tree files{{name_of("team", "a.io/x:1"), "{}"}};
  {
    auto auth = OneTimeAuth::claim(files.root(), "team", "a.io/x:1");
    REQUIRE(auth);
    CHECK(auth->text() == "{}");
    CHECK_FALSE(files.has(name_of("team", "a.io/x:1")));
    CHECK(OneTimeAuth::claim(files.root(), "team", "a.io/x:1")->text().empty());
    CHECK(list_dir(files.path("in-use"))->size() == 1);
  }
  CHECK(list_dir(files.path("in-use"))->empty());
}

TEST_CASE("other namespaces and other images do not get them, and a name that climbs is refused") {
  const berth::testing::Tree files{{"auth/" + name_of("team", "a.io/x:1"), "{}"}};
  const std::string dir = files.path("auth");
  CHECK(OneTimeAuth::claim(dir, "teams", "a.io/x:1")->text().empty());
  CHECK(OneTimeAuth::claim(dir, "team", "a.io/x:2")->text().empty());
  CHECK(OneTimeAuth::claim(dir, "", "a.io/x:1")->text().empty());
  CHECK(OneTimeAuth::claim(files.path("absent"), "../team", "a.io/x:1")->text().empty());
  for (const char* bad : {"../team", "a/b", "Team", "."})
    CHECK(OneTimeAuth::claim(dir, bad, "a.io/x:1").error().code() == Code::kInvalidArgument);
  CHECK(files.has("auth/" + name_of("team", "a.io/x:1")));
}

TEST_CASE("what a dead daemon took is cleaned up at the next start") {
  const berth::testing::Tree files{{"in-use/team-1.json", "{}"}, {"team-2.json", "{}"}};
  OneTimeAuth::clean_up(files.root());
  CHECK_FALSE(files.has("in-use"));
  CHECK(files.has("team-2.json"));
}

}  // namespace berth::daemon
