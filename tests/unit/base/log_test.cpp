// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <functional>

#include "base/clock.hpp"
#include "base/dir.hpp"
#include "base/json.hpp"
#include "base/unique_fd.hpp"

using namespace berth;

namespace {

/// What `body` writes to descriptor 2, which points to `target` meanwhile.
void with_stderr(int target, log::Format format, const std::function<void()>& body) {
  const UniqueFd saved(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  ::dup2(target, STDERR_FILENO);
  log::configure(log::Level::kInfo, format);
  body();
  log::configure(log::Level::kInfo, log::Format::kText);
  ::dup2(saved.get(), STDERR_FILENO);
}

std::string captured(log::Format format, const std::function<void()>& body) {
  const UniqueFd file(::memfd_create("log", MFD_CLOEXEC));
  with_stderr(file.get(), format, body);
  ::lseek(file.get(), 0, SEEK_SET);
  return *read_fd(file.get(), 100'000, "log");
}

}  // namespace

TEST_CASE("a text line is logfmt with a time and cannot be forged from inside", "[base][log]") {
  const std::string line = captured(log::Format::kText, [] {
    log::warn("a \"b\"\nlevel=error", {{"path", "/run/x"}, {"empty", ""}, {"text", "a=b \x1b[2J\x7f\t\\"}});
  });
  const std::string tail =
      R"(level=warn msg="a \"b\"\nlevel=error" path=/run/x empty="" text="a=b \x1b[2J\x7f\t\\")"
      "\n";
  REQUIRE(line.size() > tail.size());
  CHECK(line.substr(line.size() - tail.size()) == tail);
  CHECK(line.find("time=20") == 0);
}

TEST_CASE("a JSON line parses, whatever the bytes", "[base][log]") {
  const std::string line = captured(log::Format::kJson, [] { log::error("x\n\xff", {{"id", "\"1\""}}); });
  REQUIRE(line.find('\n') == line.size() - 1);
  const Json parsed = *parse_json(line, 1000, "line");
  CHECK(*json_string(parsed, "level", "line") == "error");
  CHECK(*json_string(parsed, "msg", "line") == "x\n\xef\xbf\xbd");
  CHECK(*json_string(parsed, "id", "line") == "\"1\"");
  CHECK(parsed.contains("time"));
}

TEST_CASE("a journald line starts with its priority", "[base][log]") {
  CHECK(captured(log::Format::kJournald, [] {
          log::info("hello", {{"n", "1"}});
        }) == "<6>level=info msg=\"hello\" n=1\n");
}

TEST_CASE("lines below the level are not written", "[base][log]") {
  CHECK(captured(log::Format::kText, [] { log::debug("quiet"); }).empty());
  CHECK(!log::enabled(log::Level::kDebug));
  CHECK(log::enabled(log::Level::kInfo));
}

TEST_CASE("a full stderr drops lines instead of blocking", "[base][log]") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const UniqueFd read_end(ends[0]);
  const UniqueFd write_end(ends[1]);
  int written = 0;
  with_stderr(write_end.get(), log::Format::kText, [&] {
    for (; written < 3000; ++written) log::info(std::string(100, 'x'));
  });
  CHECK(written == 3000);
}

TEST_CASE("levels and formats parse by name", "[base][log]") {
  CHECK(*log::parse_level("debug") == log::Level::kDebug);
  CHECK(*log::parse_level("error") == log::Level::kError);
  CHECK(*log::parse_format("journald") == log::Format::kJournald);
  CHECK(log::parse_level("").error().code() == Code::kInvalidArgument);
  CHECK(log::parse_format("TEXT").error().to_string() ==
        "unknown log format \"TEXT\" (text, json, journald)");
}

TEST_CASE("times are RFC 3339 with nanoseconds", "[base][clock]") {
  CHECK(rfc3339(0) == "1970-01-01T00:00:00.000000000Z");
  CHECK(rfc3339(1'767'323'045'123'456'789) == "2026-01-02T03:04:05.123456789Z");
  CHECK(rfc3339(-1) == "1969-12-31T23:59:59.999999999Z");
  CHECK(now_ns() > 1'700'000'000'000'000'000);
}
