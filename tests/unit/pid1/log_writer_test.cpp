// SPDX-License-Identifier: Apache-2.0
#include "pid1/log_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>

using namespace berth::pid1;

#ifdef __SANITIZE_THREAD__
/// A writer has a table of descriptors of its own. The sanitizer knows one for all threads, and takes equal
/// numbers for the same descriptor.
extern "C" const char* __tsan_default_suppressions() {
  return "race_top:fopen64\nrace_top:fclose\nrace_top:closedir\nrace_top:close\nrace_top:open64\nrace_top:"
         "open\n"
         "race_top:eventfd\nrace_top:socketpair\n";
}
#endif

namespace {

/// A log in a directory of its own, and who waits for its news.
class Fixture {
 public:
  Fixture() {
    char name[] = "/tmp/berth-writer-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path_ = name;
    news_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  }
  ~Fixture() { std::filesystem::remove_all(path_); }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  int open(LogWriter& log, const std::string& name = "a.log") {
    Fd dir(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const int err = log.open(std::move(dir), name.c_str(), {}, news_.get());
    if (err == 0) wait([&] { return log.outcome() != EINPROGRESS; });
    return err != 0 ? err : log.outcome();
  }
  /// Every change is news, so that nothing here needs to sleep.
  void wait(const std::function<bool()>& condition) {
    while (!condition()) {
      pollfd event = {news_.get(), POLLIN, 0};
      REQUIRE(::poll(&event, 1, 10000) == 1);
      uint64_t count = 0;
      (void)!::read(news_.get(), &count, sizeof count);
    }
  }
  /// Only the texts of the records.
  std::string text(const std::string& name = "a.log") const {
    std::ifstream file(path(name));
    std::string all;
    for (std::string line; std::getline(file, line);) all += line.substr(LogPrefix::kSize) + "\n";
    return all;
  }
  std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
  Fd news_;
};

size_t append(LogWriter& log, const std::string& lines) {
  LogPrefix prefix(timespec{}, LogStream::kStdout);
  return log.append(prefix, lines.data(), lines.size());
}

size_t threads() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) ++count;
  return count;
}

}  // namespace

TEST_CASE("What a log is given is in the file, in order, when it is flushed") {
  Fixture fixture;
  LogWriter log;
  REQUIRE(fixture.open(log) == 0);
  std::string all;
  for (int i = 0; i < 100000; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    fixture.wait([&] { return log.has_room(); });
    REQUIRE(append(log, line) == line.size());
    all += line;
  }
  LogPrefix prefix(timespec{}, LogStream::kStdout);
  REQUIRE(log.append_tail(prefix, "tail", 4));
  fixture.wait([&] { return log.is_flushed(); });
  CHECK(fixture.text() == all + "tail\n");
  CHECK(log.dropped() == 0);
}

TEST_CASE("The queue is bounded, and what has no room stays with the caller") {
  Fixture fixture;
  LogWriter log;
  REQUIRE(fixture.open(log) == 0);
  const std::string lines(LogDesk::kRoom, '\n');  // forty times as long with what stands before each
  const size_t taken = append(log, lines);
  CHECK(taken > 0);
  CHECK(taken <= LogDesk::kRoom / LogPrefix::kSize);
  CHECK(append(log, "an unfinished line") == 0);
  fixture.wait([&] { return log.has_room(); });
  CHECK(append(log, lines.substr(taken)) > 0);
}

TEST_CASE("A log that is reopened goes on in the new file, and in the old one if there is none") {
  Fixture fixture;
  LogWriter log;
  REQUIRE(fixture.open(log) == 0);
  append(log, "1\n");
  fixture.wait([&] { return log.is_flushed(); });
  std::filesystem::rename(fixture.path("a.log"), fixture.path("old"));
  REQUIRE(log.reopen() == 0);
  fixture.wait([&] { return log.outcome() != EINPROGRESS; });
  CHECK(log.outcome() == 0);
  std::filesystem::rename(fixture.path("a.log"), fixture.path("older"));
  std::filesystem::create_directory(fixture.path("a.log"));
  REQUIRE(log.reopen() == 0);
  fixture.wait([&] { return log.outcome() != EINPROGRESS; });
  CHECK(log.outcome() == EISDIR);
}

TEST_CASE("A log that cannot be opened says why") {
  Fixture fixture;
  LogWriter link, directory, name;
  std::filesystem::create_symlink("/etc/passwd", fixture.path("link"));
  std::filesystem::create_directory(fixture.path("directory"));
  CHECK(fixture.open(link, "link") == ELOOP);
  CHECK(fixture.open(directory, "directory") == EISDIR);
  CHECK(fixture.open(name, std::string(300, 'n')) == ENAMETOOLONG);
  CHECK(LogWriter().reopen() == ENOENT);
}

TEST_CASE(
    "A writer without work ends, and the next one goes on in the same file, whatever its name is by then") {
  Fixture fixture;
  LogWriter log;
  const size_t before = threads();
  REQUIRE(fixture.open(log) == 0);
  append(log, "1\n");
  while (threads() > before) ::usleep(10000);  // a second
  std::filesystem::rename(fixture.path("a.log"), fixture.path("old"));
  append(log, "2\n");
  while (fixture.text("old") != "1\n2\n") ::usleep(1000);
  CHECK_FALSE(std::filesystem::exists(fixture.path("a.log")));
}

TEST_CASE("A log that is given up counts what it drops") {
  Fixture fixture;
  LogWriter log;
  REQUIRE(fixture.open(log) == 0);
  append(log, "1\n");
  fixture.wait([&] { return log.is_flushed(); });
  log.give_up();
  CHECK(append(log, "2\n33\n4") == 5);
  CHECK(log.dropped() == 2 * (LogPrefix::kSize + 1) + 3);
  CHECK(fixture.text() == "1\n");
}
