// SPDX-License-Identifier: Apache-2.0
#include "pid1/log_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

using namespace berth::pid1;

namespace {

class Directory {
 public:
  Directory() {
    char name[] = "/tmp/berth-log-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path_ = name;
    fd_.reset(::open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~Directory() {
    for (const auto& entry : std::filesystem::directory_iterator(path_)) ::unlink(entry.path().c_str());
    ::rmdir(path_.c_str());
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  int fd() const { return fd_.get(); }
  std::string path(const std::string& name) const { return path_ + "/" + name; }
  std::string text(const std::string& name) const {
    std::ifstream file(path(name));
    std::ostringstream all;
    all << file.rdbuf();
    return all.str();
  }

 private:
  std::string path_;
  Fd fd_;
};

/// No file of this process grows beyond `size`: a disk that is full, without one.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t size) {
    before_signal_ = ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {size, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, before_signal_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_ = {};
  sighandler_t before_signal_;
};

int reopen(LogFile& log) {
  LogFile::Opened opened;
  const int err = log.open_anew(opened);
  if (err == 0) log.use(std::move(opened));
  return err;
}

int open(LogFile& log, const Directory& directory, const std::string& name, const LogLimits& limits = {}) {
  const int err = log.set_place(directory.fd(), name.c_str(), limits);
  return err != 0 ? err : reopen(log);
}

/// Bytes that did not get into the file.
size_t append(LogFile& log, const std::string& records) {
  return records.size() - log.append(records.data(), records.size());
}

}  // namespace

TEST_CASE("A log file appends to what is there and is readable by the group") {
  const Directory directory;
  std::ofstream(directory.path("a.log")) << "old\n";
  LogFile log;
  REQUIRE(open(log, directory, "a.log") == 0);
  append(log, "new\n");
  CHECK(directory.text("a.log") == "old\nnew\n");
  LogFile fresh;
  const mode_t mask = ::umask(0);
  REQUIRE(open(fresh, directory, "b.log") == 0);
  ::umask(mask);
  struct stat status = {};
  REQUIRE(::stat(directory.path("b.log").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0640);
}

TEST_CASE("Only a regular file beneath the directory is a log") {
  const Directory directory;
  LogFile log;
  REQUIRE(::symlink("/tmp/elsewhere", directory.path("link").c_str()) == 0);
  REQUIRE(::mkfifo(directory.path("fifo").c_str(), 0600) == 0);
  CHECK(open(log, directory, "link") == ELOOP);
  CHECK(open(log, directory, "fifo") == ENXIO);
  const Fd reader(::open(directory.path("fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  CHECK(open(log, directory, "fifo") == EINVAL);
  CHECK(open(log, directory, "../escape") == EXDEV);
  CHECK(open(log, directory, "/etc/escape") == EXDEV);
  CHECK(open(log, directory, "no/such/directory") == ENOENT);
  CHECK(open(log, directory, std::string(300, 'n')) == ENAMETOOLONG);
  CHECK_FALSE(log.is_open());
}

TEST_CASE("Reopening switches to the new file, and a failure leaves the old one in use") {
  const Directory directory;
  LogFile log;
  REQUIRE(open(log, directory, "a.log") == 0);
  append(log, "1\n");
  std::filesystem::rename(directory.path("a.log"), directory.path("a.1"));
  REQUIRE(reopen(log) == 0);
  append(log, "2\n");
  CHECK(directory.text("a.1") == "1\n");
  CHECK(directory.text("a.log") == "2\n");
  std::filesystem::rename(directory.path("a.log"), directory.path("a.2"));
  REQUIRE(::symlink("/tmp/elsewhere", directory.path("a.log").c_str()) == 0);
  CHECK(reopen(log) == ELOOP);
  append(log, "3\n");
  CHECK(directory.text("a.2") == "2\n3\n");
  CHECK_FALSE(std::filesystem::exists("/tmp/elsewhere"));
}

TEST_CASE("What a full disk does not take is whole records") {
  const Directory directory;
  LogFile log;
  REQUIRE(open(log, directory, "a.log") == 0);
  append(log, "0123456789\n");
  {
    const FileSizeLimit limit(11 + 11 + 5);
    CHECK(append(log, "aaaaaaaaaa\nbbbbbbbbbb\ncccccccccc\n") == 22);
    CHECK(append(log, "dddddddddd\n") == 11);
    CHECK(append(log, "eee\n") == 0);
  }
  append(log, "ffffffffff\n");
  CHECK(directory.text("a.log") == "0123456789\naaaaaaaaaa\neee\nffffffffff\n");
}

TEST_CASE("A record larger than what is left of the disk leaves no trace") {
  const Directory directory;
  LogFile log;
  REQUIRE(open(log, directory, "a.log") == 0);
  {
    const FileSizeLimit limit(100);
    CHECK(append(log, std::string(500, 'x') + "\n") == 501);
  }
  CHECK(directory.text("a.log").empty());
}

TEST_CASE("A log that is too large is rotated between records, and the oldest file goes") {
  const Directory directory;
  LogFile log;
  REQUIRE(open(log, directory, "a.log", {.max_size = 10, .max_files = 2}) == 0);
  for (const char* record : {"1111\n", "2222\n", "3333\n", "444\n", "55555555555555\n", "6\n"})
    CHECK(append(log, record) == 0);
  CHECK(directory.text("a.log") == "6\n");
  CHECK(directory.text("a.log.1") == "55555555555555\n");
  CHECK(directory.text("a.log.2") == "3333\n444\n");
  CHECK_FALSE(std::filesystem::exists(directory.path("a.log.3")));
}

TEST_CASE("What a log had before it was opened counts, and with no file to keep the new one replaces it") {
  const Directory directory;
  std::ofstream(directory.path("a.log")) << "12345678\n";
  LogFile log;
  REQUIRE(open(log, directory, "a.log", {.max_size = 10, .max_files = 0}) == 0);
  append(log, "9\n");
  CHECK(directory.text("a.log") == "9\n");
  CHECK_FALSE(std::filesystem::exists(directory.path("a.log.1")));
}

TEST_CASE("A log that cannot be rotated grows on") {
  const Directory directory;
  std::filesystem::create_directories(directory.path("a.log.1") + "/taken");
  LogFile log;
  REQUIRE(open(log, directory, "a.log", {.max_size = 4, .max_files = 1}) == 0);
  append(log, "123\n");
  append(log, "456\n");
  CHECK(directory.text("a.log") == "123\n456\n");
  std::filesystem::remove_all(directory.path("a.log.1"));
}
