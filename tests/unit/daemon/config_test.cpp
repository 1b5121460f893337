// SPDX-License-Identifier: Apache-2.0
#include "daemon/config.hpp"

#include <catch2/catch.hpp>

#include "base/cat.hpp"
#include "daemon/config_ulimit.hpp"
#include "tree.hpp"

namespace berth::daemon {
namespace {

using testing::Tree;

/// What is wrong with a file of this text, without the directory that the test put it in.
std::string complaint(const std::string& text) {
  const Tree tree{{"berth.toml", text}};
  const auto loaded = load_config(tree.path("berth.toml"), true);
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().code() == Code::kInvalidArgument);
  const std::string message = loaded.error().to_string();
  REQUIRE(message.starts_with(tree.root() + "/"));
  return message.substr(tree.root().size() + 1);
}

std::string complaint(const Config& config) {
  const auto checked = check_config(config);
  return checked ? "" : checked.error().to_string();
}

}  // namespace

TEST_CASE("without a file every setting has its default, and says so", "[daemon][config]") {
  const Tree tree;
  const auto loaded = load_config(tree.path("berth.toml"), false);
  REQUIRE(loaded);
  CHECK(loaded->config.root == "/var/lib/berth");
  CHECK(loaded->config.handlers.empty());
  CHECK(loaded->origins.at("daemon.root") == "default");
  CHECK(check_config(loaded->config));
}

TEST_CASE("a file that was asked for must be there", "[daemon][config]") {
  const Tree tree;
  CHECK_FALSE(load_config(tree.path("berth.toml"), true));
}

TEST_CASE("drop-ins are merged in the order of their names, also without a file", "[daemon][config]") {
  const Tree tree{{"berth.toml.d/20-b.toml", "[log]\nlevel = \"debug\"\n"},
                  {"berth.toml.d/10-a.toml", "[log]\nlevel = \"warn\"\nformat = \"json\"\n"},
                  {"berth.toml.d/30-c.toml.bak", "[log]\nlevel = \"error\"\n"},
                  {"berth.toml.d/.40-d.toml", "not toml"}};
  const auto loaded = load_config(tree.path("berth.toml"), false);
  REQUIRE(loaded);
  CHECK(loaded->config.log_level == "debug");
  CHECK(loaded->config.log_format == "json");
  CHECK(loaded->origins.at("log.level") == "berth.toml.d/20-b.toml");
  CHECK(loaded->origins.at("log.format") == "berth.toml.d/10-a.toml");
}

TEST_CASE("a drop-in replaces a list and adds to handlers", "[daemon][config]") {
  const Tree tree{
      {"berth.toml", "[network]\nbin_dirs = [\"/a\", \"/b\"]\n[runtime.handlers.one]\n"},
      {"berth.toml.d/x.toml", "[network]\nbin_dirs = [\"/c\"]\n[runtime.handlers.two]\ninit = true\n"}};
  const auto loaded = load_config(tree.path("berth.toml"), true);
  REQUIRE(loaded);
  CHECK(loaded->config.cni_bin_dirs == std::vector<std::string>{"/c"});
  CHECK_FALSE(loaded->config.handlers.at("one").init);
  CHECK(loaded->config.handlers.at("two").init);
  CHECK(loaded->origins.at("runtime.handlers.two.init") == "berth.toml.d/x.toml");
}

TEST_CASE("unknown keys are refused with the nearest known one", "[daemon][config]") {
  CHECK(complaint("[daemon]\n\n[runtme]\nshm_size = 1\n") ==
        "berth.toml:4: unknown key \"runtme.shm_size\"; did you mean \"runtime.shm_size\"?");
  CHECK(complaint("[log]\nlevle = \"info\"\n") ==
        "berth.toml:2: unknown key \"log.levle\"; did you mean \"log.level\"?");
  CHECK(complaint("shm_size = 1\n") ==
        "berth.toml:1: unknown key \"shm_size\"; did you mean \"runtime.shm_size\"?");
  CHECK(complaint("[runtime.handlers.a]\ninitt = true\n") ==
        "berth.toml:2: unknown key \"runtime.handlers.a.initt\"; did you mean \"runtime.handlers.a.init\"?");
}

TEST_CASE("a key that resembles nothing gets no suggestion", "[daemon][config]") {
  CHECK(complaint("[zzzzzzzzzzzz]\nqqqqqqqqqqqqqqqq = 1\n") ==
        "berth.toml:2: unknown key \"zzzzzzzzzzzz.qqqqqqqqqqqqqqqq\"");
}

TEST_CASE("wrong types name file, line, key and value", "[daemon][config]") {
  CHECK(complaint("[log]\nlevel = 3\n") == "berth.toml:2: log.level must be a string, not an integer (3)");
  CHECK(complaint("[runtime]\nshm_size = \"64m\"\n") ==
        "berth.toml:2: runtime.shm_size must be an integer, not a string (\"64m\")");
  CHECK(complaint("[network]\nbin_dirs = \"/opt\"\n") ==
        "berth.toml:2: network.bin_dirs must be a list of strings, not a string (\"/opt\")");
  CHECK(complaint("[network]\nbin_dirs = [\n  \"/a\",\n  7,\n]\n") ==
        "berth.toml:4: network.bin_dirs must be a string, not an integer (7)");
  CHECK(complaint("[runtime.handlers.a]\ninit = 1\n") ==
        "berth.toml:2: runtime.handlers.a.init must be a boolean, not an integer (1)");
  CHECK(complaint("log = 1\n") == "berth.toml:1: log must be a table, not an integer (1)");
  CHECK(complaint("[runtime]\nhandlers = true\n") ==
        "berth.toml:2: runtime.handlers must be a table, not a boolean (true)");
}

TEST_CASE("integers out of range are refused where they are", "[daemon][config]") {
  CHECK(complaint("[streaming]\nport = 70000\n") ==
        "berth.toml:2: streaming.port must be between 0 and 65535, not 70000");
  CHECK(complaint("[image]\nmax_parallel_layers = -1\n") ==
        "berth.toml:2: image.max_parallel_layers must be between 1 and 64, not -1");
}

TEST_CASE("text that is no TOML is refused with its line", "[daemon][config]") {
  CHECK(complaint("[log]\nlevel = \n").starts_with("berth.toml:2: "));
  CHECK(complaint(std::string(5000, '[')).starts_with("berth.toml:1: "));
}

TEST_CASE("characters that the library takes for impossible are merely wrong", "[daemon][config]") {
  CHECK(complaint("\xEF\xBB\xBC = 1\n").starts_with("berth.toml:1: "));
  CHECK(complaint("[log]\nlevel = 1 \xEF\xAC\xA6\n").starts_with("berth.toml:2: "));
}

TEST_CASE("a NUL cannot hide in a path", "[daemon][config]") {
  CHECK(complaint("[daemon]\nroot = \"/a\\u0000b\"\n") ==
        "berth.toml:2: daemon.root has a NUL character in it");
}

TEST_CASE("a file above one MiB is refused", "[daemon][config]") {
  const Tree tree{{"berth.toml", std::string((1U << 20U) + 1, '#')}};
  CHECK_FALSE(load_config(tree.path("berth.toml"), true));
}

TEST_CASE("the printed configuration reads back as itself", "[daemon][config]") {
  Config config;
  config.root = "/a \"quoted\" \\ \n path";
  config.default_ulimits = {"nofile=1024:4096", "core=0"};
  config.handlers["with-init"].init = true;
  config.handlers[""];
  const Tree tree{{"berth.toml", format_config(config, nullptr)}};
  const auto loaded = load_config(tree.path("berth.toml"), true);
  REQUIRE(loaded);
  CHECK(loaded->config.root == config.root);
  CHECK(loaded->config.handlers.size() == 2);
  CHECK(format_config(loaded->config, nullptr) == format_config(config, nullptr));
}

TEST_CASE("with origins every setting says where it came from", "[daemon][config]") {
  const Tree tree{{"berth.toml", "[log]\nlevel = \"debug\"\n"}};
  const auto loaded = load_config(tree.path("berth.toml"), true);
  REQUIRE(loaded);
  const std::string text = format_config(loaded->config, &loaded->origins);
  CHECK_THAT(text, Catch::Contains("level = \"debug\"  # from berth.toml\n"));
  CHECK_THAT(text, Catch::Contains("format = \"text\"  # from default\n"));
}

TEST_CASE("values that parse but cannot work are refused", "[daemon][config]") {
  const auto with = [](auto change) {
    Config config;
    change(config);
    return complaint(config);
  };
  CHECK(with([](Config& c) { c.root = "var/lib"; }) ==
        "daemon.root must be an absolute path, not \"var/lib\"");
  CHECK(with([](Config& c) { c.state = c.root; }) ==
        "daemon.root and daemon.state must differ, but both are /var/lib/berth");
  CHECK(with([](Config& c) { c.listen = "tcp://0.0.0.0:1"; }) ==
        "daemon.listen must be unix:///PATH, not \"tcp://0.0.0.0:1\"");
  CHECK(with([](Config& c) { c.listen = "unix://relative"; }) ==
        "daemon.listen must be unix:///PATH, not \"unix://relative\"");
  CHECK_THAT(with([](Config& c) { c.listen = "unix:///" + std::string(107, 'a'); }),
             Catch::Contains("at most 107"));
  CHECK(with([](Config& c) { c.listen = "unix:///" + std::string(106, 'a'); }).empty());
  CHECK_THAT(with([](Config& c) { c.cgroup_driver = "none"; }),
             Catch::Contains("\"cgroupfs\" or \"systemd\""));
  CHECK(with([](Config& c) {
          c.cgroup_driver = "systemd";
          c.cgroup_parent = "/kube";
        }) == "cgroup.parent must be a slice with cgroup.driver \"systemd\", not \"/kube\"");
  CHECK_THAT(with([](Config& c) { c.cgroup_parent = "/a/.."; }), Catch::Contains("\"..\""));
  CHECK_THAT(with([](Config& c) { c.cgroup_parent = "/"; }), Catch::Contains("below the root"));
  CHECK_THAT(with([](Config& c) { c.log_level = "loud"; }), Catch::StartsWith("log.level: "));
  CHECK_THAT(with([](Config& c) { c.stream_port = 70000; }), Catch::StartsWith("streaming.port "));
  CHECK_THAT(with([](Config& c) { c.stream_address = "localhost"; }), Catch::Contains("IP address"));
  CHECK_THAT(with([](Config& c) { c.metrics_address = "9090"; }), Catch::Contains("host:port"));
  CHECK_THAT(with([](Config& c) { c.handlers["No_Label"]; }), Catch::Contains("DNS label"));
  CHECK_THAT(with([](Config& c) { c.default_ulimits = {"nofile"}; }),
             Catch::StartsWith("runtime.default_ulimits: "));
  for (const char* pattern : {"", "a*b", "*a*b", "**a"}) {
    CHECK_THAT(with([&](Config& c) { c.pinned = {pattern}; }), Catch::StartsWith("image.pinned: "));
  }
  CHECK(with([](Config& c) { c.pinned = {"*", "a*", "*a", "*a*", "a"}; }).empty());
}

TEST_CASE("ulimits are read as the kernel will be told them", "[daemon][config]") {
  const auto limit = parse_ulimit("nofile=1024:4096");
  REQUIRE(limit);
  CHECK(limit->type == "RLIMIT_NOFILE");
  CHECK(limit->soft == 1024);
  CHECK(limit->hard == 4096);
  const auto endless = parse_ulimit("memlock=-1");
  REQUIRE(endless);
  CHECK(endless->soft == ~std::uint64_t{0});
  CHECK(endless->hard == ~std::uint64_t{0});
  for (const char* wrong : {"", "nofile", "=1", "nofile=", "nofile=1:", "nofile=4096:1024", "nofiles=1",
                            "nofile=-2", "nofile=1 ", "nofile=99999999999999999999", "nofile=unlimited:1"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_ulimit(wrong));
  }
}

}  // namespace berth::daemon
