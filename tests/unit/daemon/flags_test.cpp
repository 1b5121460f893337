// SPDX-License-Identifier: Apache-2.0
#include "daemon/flags.hpp"

#include <CLI/CLI.hpp>
#include <catch2/catch.hpp>

#include "tree.hpp"

namespace berth::daemon {
namespace {

Result<LoadedConfig> load(const std::string& config, std::vector<std::string> arguments) {
  CLI::App cli;
  const Flags flags(cli);
  arguments.insert(arguments.begin(), {"--config", config});
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  cli.parse(arguments);
  return flags.load();
}

}  // namespace

TEST_CASE("flags win over the file, and only those that were given", "[daemon][flags]") {
  const testing::Tree tree{{"c.toml", "[log]\nlevel = \"warn\"\nformat = \"json\"\n"}};
  const auto loaded = load(tree.path("c.toml"), {"--log-level", "debug"});
  REQUIRE(loaded);
  CHECK(loaded->config.log_level == "debug");
  CHECK(loaded->config.log_format == "json");
  CHECK(loaded->config.root == "/var/lib/berth");
  CHECK(loaded->origins.at("log.level") == "flag");
  CHECK(loaded->origins.at("log.format") == "c.toml");
}

TEST_CASE("the socket follows --state unless --listen says otherwise", "[daemon][flags]") {
  const testing::Tree tree{{"c.toml", ""}};
  const auto moved = load(tree.path("c.toml"), {"--state", "/run/b"});
  REQUIRE(moved);
  CHECK(moved->config.listen == "unix:///run/b/berth.sock");
  CHECK(moved->origins.at("daemon.listen") == "flag");
  const auto named = load(tree.path("c.toml"), {"--state", "/run/b", "--listen", "unix:///run/x.sock"});
  REQUIRE(named);
  CHECK(named->config.listen == "unix:///run/x.sock");
}

TEST_CASE("a repeated flag makes a list, which replaces the default", "[daemon][flags]") {
  const testing::Tree tree{{"c.toml", ""}};
  const auto loaded = load(tree.path("c.toml"), {"--cni-bin-dir", "/a", "--cni-bin-dir", "/b"});
  REQUIRE(loaded);
  CHECK(loaded->config.cni_bin_dirs == std::vector<std::string>{"/a", "/b"});
}

TEST_CASE("what flags say is checked, too", "[daemon][flags]") {
  const testing::Tree tree{{"c.toml", ""}};
  CHECK_FALSE(load(tree.path("c.toml"), {"--stream-port", "70000"}));
  CHECK_FALSE(load(tree.path("c.toml"), {"--root", "relative"}));
  CHECK_FALSE(load(tree.path("c.toml"), {"--cgroup-driver", "none"}));
  CHECK_FALSE(load(tree.path("absent.toml"), {}));
}

}  // namespace berth::daemon
