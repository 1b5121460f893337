// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/cli/completion.hpp"
#include "runtime/cli/verb.hpp"

namespace berth::runtime::cli {
namespace {

/// Compares a file of contrib/ with what the program says now; BERTH_ACCEPT=1 rewrites it.
void check_completion(const std::string& name, std::string_view shell) {
  const std::string path = cat(CONTRIB, "/completions/", name);
  const auto now = completion(shell);
  REQUIRE(now);
  if (std::getenv("BERTH_ACCEPT") != nullptr) {
    const auto fd = open_at(kCwd, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    REQUIRE(fd);
    REQUIRE(write_fd(fd->get(), *now, path));
  }
  const auto kept = read_file(path, 1U << 20U);
  REQUIRE(kept);
  INFO(path << " is out of date; BERTH_ACCEPT=1 and this test rewrite it");
  CHECK(*kept == *now);
}

}  // namespace

TEST_CASE("berth-oci's completions know every verb and flag of today", "[oci][contrib]") {
  check_completion("berth-oci.bash", "bash");
  check_completion("_berth-oci", "zsh");
  check_completion("berth-oci.fish", "fish");
  CHECK_FALSE(completion("tcsh"));
}

TEST_CASE("berth-oci's man page names every verb and flag of today", "[oci][contrib]") {
  const auto page = read_file(cat(CONTRIB, "/man/berth-oci.8"), 1U << 20U);
  REQUIRE(page);
  for (const Verb* verb : verbs()) CHECK_THAT(*page, Catch::Contains(std::string(verb->name)));
  for (const Option& option : global_options()) {
    std::string roff = "\\-\\-";
    for (const char letter : option.name) roff += letter == '-' ? "\\-" : std::string(1, letter);
    CHECK_THAT(*page, Catch::Contains(roff));
  }
}

}  // namespace berth::runtime::cli
