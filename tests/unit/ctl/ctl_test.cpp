// SPDX-License-Identifier: Apache-2.0

#include <CLI/CLI.hpp>
#include <catch2/catch.hpp>

#include "base/cat.hpp"
#include "ctl/cli.hpp"
#include "ctl/client.hpp"
#include "ctl/cri_json.hpp"
#include "ctl/crictl.hpp"
#include "ctl/report.hpp"
#include "ctl/table.hpp"
#include "tree.hpp"

namespace berth::ctl {
namespace {

/// As main() does it; the verb is chosen, not run.
Context parse(std::vector<std::string> arguments) {
  CLI::App cli;
  Context context;
  build_cli(cli, context);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  cli.parse(arguments);
  context.action = nullptr;  // it refers to the context of this frame
  return context;
}

void check_help(const CLI::App& verb) {
  CAPTURE(verb.get_name());
  CHECK_FALSE(verb.get_description().empty());
  for (const CLI::App* sub : verb.get_subcommands([](const CLI::App*) { return true; })) check_help(*sub);
}

}  // namespace

TEST_CASE("every verb says what it is for", "[ctl]") {
  CLI::App cli;
  Context context;
  build_cli(cli, context);
  check_help(cli);
}

TEST_CASE("global options may follow the verb", "[ctl]") {
  const Context context = parse({"pod", "list", "--socket", "unix:///tmp/a.sock", "--show-crictl"});
  CHECK(context.socket == "unix:///tmp/a.sock");
  CHECK(context.show_crictl);
}

TEST_CASE("what follows -- is the command, even if it looks like ours", "[ctl]") {
  const Context context = parse({"exec", "app", "--", "pod", "--show-crictl", "-x"});
  CHECK_FALSE(context.show_crictl);
}

TEST_CASE("a line without a verb, or with half of one, is refused", "[ctl]") {
  CHECK_THROWS_AS(parse({}), CLI::ParseError);
  CHECK_THROWS_AS(parse({"pod"}), CLI::ParseError);
  CHECK_THROWS_AS(parse({"pod", "stop"}), CLI::ParseError);
  CHECK_THROWS_AS(parse({"exec", "app"}), CLI::ParseError);
  CHECK_THROWS_AS(parse({"completion", "tcsh"}), CLI::ParseError);
  CHECK_THROWS_AS(parse({"container", "stop", "a", "--timeout", "-1"}), CLI::ParseError);
}

TEST_CASE("a daemon that is not there gives a hint", "[ctl]") {
  const testing::Tree tree;
  Context context;
  context.socket = cat("unix://", tree.path("no.sock"));
  const auto client = Client::open(context);
  REQUIRE_FALSE(client);
  CHECK(client.error().code() == Code::kUnavailable);
  CHECK_THAT(client.error().to_string(), Catch::Contains("no.sock: No such file or directory"));
  CHECK_THAT(hint_for(client.error()), Catch::Contains("is berthd running?"));
}

TEST_CASE("what the daemon itself says is unavailable is not taken for its absence", "[ctl]") {
  CHECK(hint_for(Error(Code::kUnavailable, "registry")).find("is berthd running?") == std::string::npos);
}

TEST_CASE("addresses that are no socket are refused", "[ctl]") {
  Context context;
  context.socket = "tcp://127.0.0.1:1";
  CHECK_FALSE(Client::open(context));
  context.socket = "unix:///" + std::string(200, 'a');
  CHECK_FALSE(Client::open(context));
  CHECK(socket_path("unix:///a") == "/a");
  CHECK(socket_path("unix:/a") == "/a");
  CHECK(socket_path("/a") == "/a");
}

TEST_CASE("crictl lines can be pasted into a shell", "[ctl]") {
  Context context;
  context.socket = "/run/b.sock";
  CHECK(crictl_line(context, {"exec", "--sync", "app", "sh", "-c", "echo 'a b' $HOME", ""}) ==
        "crictl -r unix:///run/b.sock exec --sync app sh -c 'echo '\\''a b'\\'' $HOME' ''");
}

TEST_CASE("pod configurations are read as crictl reads them", "[ctl]") {
  cri::PodSandboxConfig pod;
  REQUIRE(parse_json_message(R"({"metadata": {"name": "a", "namespace": "b", "uid": "c", "attempt": 2},
      "log_directory": "/tmp", "logDirectory2": null, "linux": {}})",
                             "pod.json", pod)
              .error()
              .code() == Code::kInvalidArgument);
  pod.Clear();
  const auto read = parse_json_message(
      R"({"metadata": {"name": "a", "namespace": "b"}, "log_directory": "/tmp",
          "linux": {"security_context": {"namespace_options": {"network": 2, "pid": "CONTAINER"}}}})",
      "pod.json", pod);
  REQUIRE(read);
  CHECK(pod.log_directory() == "/tmp");
  CHECK(pod.linux().security_context().namespace_options().network() == cri::NODE);
  CHECK(pod.linux().security_context().namespace_options().pid() == cri::CONTAINER);
}

TEST_CASE("a bad configuration file is named", "[ctl]") {
  const testing::Tree tree{{"pod.json", R"({"metdata": {}})"}, {"half.json", "{"}};
  for (const char* name : {"pod.json", "half.json", "absent.json"}) {
    cri::PodSandboxConfig pod;
    const auto read = read_json_file(tree.path(name), pod);
    REQUIRE_FALSE(read);
    CHECK_THAT(read.error().to_string(), Catch::Contains(tree.path(name)));
  }
}

TEST_CASE("tables are aligned and numbers readable", "[ctl]") {
  CHECK(format_table({{"A", "B"}, {"long", "x"}}) == "A      B\nlong   x\n");
  CHECK(format_bytes(0) == "0 B");
  CHECK(format_bytes(1023) == "1023 B");
  CHECK(format_bytes(1536) == "1.5 KiB");
  CHECK(format_bytes(std::uint64_t{5} << 50U) == "5120.0 TiB");
  CHECK(format_age(0, 5) == "-");
  CHECK(format_age(1, 1 + 59'000'000'000) == "59s");
  CHECK(format_age(10, 5) == "0s");
  CHECK(format_age(1, 1 + 7'200'000'000'000) == "2h");
  CHECK(short_id("sha256:0123456789abcdef") == "0123456789abc");
}

}  // namespace berth::ctl
