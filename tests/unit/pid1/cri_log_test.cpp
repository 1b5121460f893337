// SPDX-License-Identifier: Apache-2.0
#include "pid1/cri_log.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

using namespace berth::pid1;

namespace {

constexpr timespec kTime = {1767323045, 123456789};  // 2026-01-02T03:04:05.123456789Z
const std::string kHead = "2026-01-02T03:04:05.123456789Z stdout ";

/// What a stream does with its reads: the rest of one goes before the next.
std::string log_of(const std::vector<std::string>& reads, size_t capacity, bool at_end = true) {
  LogPrefix prefix(kTime, LogStream::kStdout);
  std::string log, pending;
  std::vector<char> out(capacity);
  for (const std::string& read : reads) {
    pending += read;
    size_t at = 0;
    for (;;) {
      const LogProgress progress =
          format_lines(prefix, pending.data() + at, pending.size() - at, out.data(), out.size());
      REQUIRE(progress.produced <= capacity);
      if (progress.consumed == 0) break;
      log.append(out.data(), progress.produced);
      at += progress.consumed;
    }
    pending.erase(0, at);
    REQUIRE(pending.size() <= kMaxLogText);
  }
  if (at_end) log.append(out.data(), format_tail(prefix, pending.data(), pending.size(), out.data()));
  return log;
}

std::string log_of(const std::string& text) {
  return log_of({text}, 256u << 10);
}

/// The text again, from records; checks each record's form.
std::string text_of(const std::string& log) {
  std::string text;
  for (size_t at = 0; at < log.size();) {
    const size_t end = log.find('\n', at);
    REQUIRE(end != std::string::npos);
    const std::string record = log.substr(at, end - at);
    REQUIRE(record.substr(0, kHead.size()) == kHead);
    REQUIRE(record.size() - LogPrefix::kSize <= kMaxLogText);
    const char tag = record[kHead.size()];
    REQUIRE((tag == 'F' || tag == 'P'));
    REQUIRE(record[kHead.size() + 1] == ' ');
    text += record.substr(LogPrefix::kSize);
    if (tag == 'F') text += '\n';
    at = end + 1;
  }
  return text;
}

std::string prefix_at(int64_t seconds, long nanoseconds, LogStream stream = LogStream::kStdout) {
  LogPrefix prefix({seconds, nanoseconds}, stream);
  return std::string(prefix.bytes('F'), LogPrefix::kSize);
}

}  // namespace

TEST_CASE("A line becomes one record") {
  CHECK(log_of("hello\n") == kHead + "F hello\n");
  CHECK(log_of("a\nb\n") == kHead + "F a\n" + kHead + "F b\n");
  CHECK(log_of("").empty());
}

TEST_CASE("Times are UTC with nine digits, leap days included") {
  CHECK(prefix_at(0, 0) == "1970-01-01T00:00:00.000000000Z stdout F ");
  CHECK(prefix_at(951782400, 1) == "2000-02-29T00:00:00.000000001Z stdout F ");
  CHECK(prefix_at(951868799, 999999999) == "2000-02-29T23:59:59.999999999Z stdout F ");
  CHECK(prefix_at(951868800, 0) == "2000-03-01T00:00:00.000000000Z stdout F ");
  CHECK(prefix_at(1735689599, 0) == "2024-12-31T23:59:59.000000000Z stdout F ");
  CHECK(prefix_at(4107542400, 0) == "2100-03-01T00:00:00.000000000Z stdout F ");
  CHECK(prefix_at(0, 0, LogStream::kStderr) == "1970-01-01T00:00:00.000000000Z stderr F ");
}

TEST_CASE("Every day of four centuries follows the one before") {
  std::string last = prefix_at(0, 0).substr(0, 10);
  for (int64_t day = 1; day <= 146097; ++day) {
    const std::string date = prefix_at(day * 86400, 0).substr(0, 10);
    if (!(date > last)) FAIL(date << " after " << last);
    last = date;
  }
  CHECK(last == "2370-01-01");
}

TEST_CASE("Empty lines, NULs, carriage returns and invalid UTF-8 pass unchanged") {
  CHECK(log_of("\n\n") == kHead + "F \n" + kHead + "F \n");
  const std::string odd("a\0b\r\n\xff\xfe\n", 8);
  CHECK(text_of(log_of(odd)) == odd);
}

TEST_CASE("A tail without a newline is a partial record") {
  CHECK(log_of("a\nrest") == kHead + "F a\n" + kHead + "P rest\n");
  CHECK(log_of({"re", "st"}, 1u << 16) == kHead + "P rest\n");
  CHECK(log_of({"re", "st"}, 1u << 16, false).empty());
}

TEST_CASE("Lines are split at 16 KiB and not before") {
  const std::string full(kMaxLogText, 'x');
  CHECK(log_of(full + "\n") == kHead + "F " + full + "\n");
  CHECK(log_of(full) == kHead + "P " + full + "\n");
  CHECK(log_of(full + "y\n") == kHead + "P " + full + "\n" + kHead + "F y\n");
  CHECK(log_of(full + full + "\n") == kHead + "P " + full + "\n" + kHead + "F " + full + "\n");
  CHECK(log_of({full, "\n"}, 1u << 16) == kHead + "F " + full + "\n");
  CHECK(log_of({full, "y", "\n"}, 1u << 16) == kHead + "P " + full + "\n" + kHead + "F y\n");
}

TEST_CASE("A full output buffer stops at a record's end and goes on there") {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += std::string(static_cast<size_t>(i % 97), 'z') + "\n";
  CHECK(text_of(log_of({text}, kMaxLogRecord)) == text);
  CHECK(log_of({text}, kMaxLogRecord) == log_of(text));
}

TEST_CASE("Records do not depend on how the text was cut into reads, and give it back") {
  std::mt19937 random(7);
  const auto below = [&random](size_t limit) { return static_cast<size_t>(random() % limit); };
  for (int round = 0; round < 60; ++round) {
    std::string text;
    while (text.size() < 120000) {
      const size_t length = below(4) == 0 ? below(40000) : below(200);
      for (size_t i = 0; i < length; ++i) {
        const auto byte = static_cast<char>(random());
        text += byte == '\n' ? ' ' : byte;
      }
      if (below(5) != 0) text += '\n';
    }
    std::vector<std::string> reads;
    for (size_t at = 0; at < text.size();) {
      const size_t size = 1 + below(below(3) == 0 ? 65536 : 5000);
      reads.push_back(text.substr(at, size));
      at += size;
    }
    const std::string log = log_of(reads, kMaxLogRecord + below(100000));
    if (text_of(log) != text) FAIL("round " << round);
    if (log != log_of({text}, 1u << 20)) FAIL("round " << round);
  }
}
