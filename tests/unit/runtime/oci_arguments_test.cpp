// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "runtime/cli/arguments.hpp"
#include "runtime/cli/exec_process.hpp"
#include "runtime/cli/signal_names.hpp"

namespace berth::runtime::cli {
namespace {

constexpr Option kOptions[] = {{"bundle", 'b', "DIR"}, {"env", 'e', "K=V"}, {"force", 'f', ""}};

Result<Arguments> parse(std::vector<std::string> line, bool stops = false) {
  return Arguments::parse(line, kOptions, stops);
}

std::string refused(std::vector<std::string> line) {
  const auto parsed = parse(std::move(line));
  return parsed ? "accepted" : parsed.error().to_string();
}

}  // namespace

TEST_CASE("a flag that nobody knows, or that lacks its value, is refused by name", "[oci]") {
  CHECK(refused({"--nothing"}) == "there is no flag --nothing");
  CHECK(refused({"-x"}) == "there is no flag -x");
  CHECK(refused({"--bundle"}) == "--bundle needs a value");
  CHECK(refused({"--force=maybe"}) == "--force is true or false, not \"maybe\"");
}

TEST_CASE("a value follows its flag or its equals sign, after one dash or two", "[oci]") {
  for (const std::vector<std::string>& line :
       {std::vector<std::string>{"--bundle", "x"}, {"--bundle=x"}, {"-b", "x"}, {"-bundle", "x"}, {"-b=x"}}) {
    const auto parsed = parse(line);
    REQUIRE(parsed);
    CHECK(parsed->text("bundle") == "x");
    CHECK(parsed->words.empty());
  }
}

TEST_CASE("the last value counts, and all are kept", "[oci]") {
  const auto parsed = parse({"-e", "A=1", "name", "--env=B=2"});
  REQUIRE(parsed);
  CHECK(parsed->text("env") == "B=2");
  CHECK(parsed->all("env") == std::vector<std::string>{"A=1", "B=2"});
  CHECK(parsed->words == std::vector<std::string>{"name"});
}

TEST_CASE("a switch can be taken back", "[oci]") {
  CHECK(parse({"--force"})->has("force"));
  CHECK_FALSE(parse({"--force", "--force=false"})->has("force"));
}

TEST_CASE("a command keeps its own flags", "[oci]") {
  const auto parsed = parse({"-e", "A=1", "name", "ls", "-b", "--nothing"}, true);
  REQUIRE(parsed);
  CHECK(parsed->words == std::vector<std::string>{"name", "ls", "-b", "--nothing"});
  CHECK(parse({"--", "-b"})->words == std::vector<std::string>{"-b"});
  CHECK(parse({"-"})->words == std::vector<std::string>{"-"});
}

TEST_CASE("numbers are whole and within bounds", "[oci]") {
  constexpr Option kNumber[] = {{"n", '\0', "N"}};
  const auto number = [&](const std::string& text, std::int64_t least) {
    const std::vector<std::string> line = {"--n", text};
    return Arguments::parse(line, kNumber, false)->number("n", least);
  };
  CHECK(number("12", 0)->value() == 12);
  CHECK(number("-1", -1)->value() == -1);
  for (const char* bad : {"", "x", "1x", "-1", "99999999999999999999"}) CHECK_FALSE(number(bad, 0));
  CHECK_FALSE(Arguments::parse({}, kNumber, false)->number("n")->has_value());
}

TEST_CASE("signals by name and by number", "[oci]") {
  CHECK(*parse_signal("KILL") == 9);
  CHECK(*parse_signal("SIGTERM") == 15);
  CHECK(*parse_signal("sigusr1") == 10);
  CHECK(*parse_signal("0") == 0);
  CHECK(*parse_signal("64") == 64);
  CHECK(*parse_signal("RTMIN+3") == 37);
  CHECK(*parse_signal("SIGRTMAX-1") == 63);
  for (const char* bad : {"", "65", "-1", "SIG", "NOPE", "RTMIN+31", "RTMIN-1", "RTMAX+1", "9x"})
    CHECK_FALSE(parse_signal(bad));
}

TEST_CASE("a user is one number or two", "[oci]") {
  oci::User user;
  REQUIRE(parse_user("1000:100", user));
  CHECK(user.uid == 1000);
  CHECK(user.gid == 100);
  REQUIRE(parse_user("7", user));
  CHECK(user.gid == 0);
  for (const char* bad : {"", ":", "root", "1:", ":1", "1:2:3", "-1", "4294967296"})
    CHECK_FALSE(parse_user(bad, user));
}

TEST_CASE("an exec is never less confined than its container", "[oci]") {
  constexpr Option kExecOptions[] = {{"cap", 'c', "CAP"}, {"user", 'u', "UID"}, {"env", 'e', "K=V"}};
  oci::Process container;
  container.args = {"init"};
  container.env = {"A=1", "HOME=/root"};
  container.no_new_privileges = true;
  container.capabilities =
      oci::Capabilities{{"CAP_CHOWN"}, {"CAP_CHOWN"}, {"CAP_CHOWN"}, {"CAP_CHOWN"}, {"CAP_CHOWN"}};
  const std::vector<std::string> line = {"-c", "CAP_KILL", "-u", "5", "-e", "A=2", "name", "ls"};
  const auto process = exec_process(*Arguments::parse(line, kExecOptions, true), container);
  REQUIRE(process);
  CHECK(process->args == std::vector<std::string>{"ls"});
  CHECK(process->env == std::vector<std::string>{"A=2"});
  CHECK(process->no_new_privileges);
  CHECK(process->user.uid == 5);
  CHECK(process->capabilities->effective == std::vector<std::string>{"CAP_CHOWN", "CAP_KILL"});
  CHECK(process->capabilities->inheritable.empty());
  CHECK(process->capabilities->ambient.empty());
  CHECK_FALSE(
      exec_process(*Arguments::parse(std::vector<std::string>{"name"}, kExecOptions, true), container));
}

}  // namespace berth::runtime::cli
