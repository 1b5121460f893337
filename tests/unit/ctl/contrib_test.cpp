// SPDX-License-Identifier: Apache-2.0

#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "ctl/cli.hpp"
#include "ctl/completion.hpp"
#include "daemon/config_keys.hpp"

namespace berth::ctl {
namespace {

/// Compares a file of contrib/ with what the program says now; BERTH_ACCEPT=1 rewrites it.
void check_file(const std::string& name, const std::string& now) {
  const std::string path = cat(CONTRIB, "/", name);
  if (std::getenv("BERTH_ACCEPT") != nullptr) {
    const auto fd = open_at(kCwd, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    REQUIRE(fd);
    REQUIRE(write_fd(fd->get(), now, path));
  }
  const auto kept = read_file(path, 1U << 20U);
  REQUIRE(kept);
  INFO(path << " is out of date; BERTH_ACCEPT=1 and this test rewrite it");
  CHECK(*kept == now);
}

}  // namespace

TEST_CASE("the example configuration is what `config default` prints", "[ctl][contrib]") {
  check_file("berth.toml", daemon::format_config({}, nullptr));
}

TEST_CASE("the completions know every verb and flag of today", "[ctl][contrib]") {
  CLI::App cli;
  Context context;
  build_cli(cli, context);
  check_file("completions/berthctl.bash", completion(cli, "bash"));
  check_file("completions/_berthctl", completion(cli, "zsh"));
  check_file("completions/berthctl.fish", completion(cli, "fish"));
}

TEST_CASE("the man page names every verb of today", "[ctl][contrib]") {
  CLI::App cli;
  Context context;
  build_cli(cli, context);
  const auto page = read_file(cat(CONTRIB, "/man/berthctl.8"), 1U << 20U);
  REQUIRE(page);
  for (const CLI::App* verb : cli.get_subcommands([](const CLI::App*) { return true; })) {
    CHECK_THAT(*page, Catch::Contains(cat("\n.B ", verb->get_name(), "\n")) ||
                          Catch::Contains(cat("\n.BR ", verb->get_name(), " ")) ||
                          Catch::Contains(cat("\n.BI \"", verb->get_name(), " ")));
  }
}

TEST_CASE("the manual names every setting of today", "[ctl][contrib]") {
  const auto page = read_file(cat(CONTRIB, "/man/berth.toml.5"), 1U << 20U);
  REQUIRE(page);
  for (const auto& key : daemon::config_keys()) {
    CHECK_THAT(*page, Catch::Contains(cat("[", key.table, "]")) && Catch::Contains(std::string(key.name)));
  }
}

}  // namespace berth::ctl
