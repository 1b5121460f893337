// SPDX-License-Identifier: Apache-2.0
#include "base/subprocess.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <thread>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/process_id.hpp"

using namespace berth;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

SpawnRequest shell_request(const std::string& script) {
  SpawnRequest request;
  request.program = "/bin/sh";
  request.argv = {"sh", "-c", script};
  request.env = {"PATH=/usr/bin:/bin"};
  return request;
}

UniqueFd scratch_file() {
  return UniqueFd(::memfd_create("scratch", MFD_CLOEXEC));
}

std::string content(const UniqueFd& file) {
  ::lseek(file.get(), 0, SEEK_SET);
  return *read_fd(file.get(), 100'000, "scratch");
}

Subprocess started(const SpawnRequest& request) {
  Result<Subprocess> child = Subprocess::spawn(request);
  REQUIRE(child);
  return *std::move(child);
}

/// What a script prints.
std::string output_of(SpawnRequest request) {
  const UniqueFd out = scratch_file();
  request.fds.emplace_back(out.get(), STDOUT_FILENO);
  CHECK(describe_wait_status(*started(request).wait()) == "exit status 0");
  return content(out);
}

}  // namespace

TEST_CASE("the wait status tells exits from signals", "[base][subprocess]") {
  CHECK(describe_wait_status(*started(shell_request("exit 3")).wait()) == "exit status 3");
  CHECK(describe_wait_status(*started(shell_request("kill -9 $$")).wait()) == "killed by signal 9 (Killed)");
  CHECK(describe_wait_status(W_EXITCODE(0, SIGABRT) | WCOREFLAG) == "killed by signal 6 (Aborted)");
}

TEST_CASE("a program that cannot be run is an error at once", "[base][subprocess]") {
  SpawnRequest request = shell_request("");
  request.program = "/nonexistent/program";
  const Result<Subprocess> child = Subprocess::spawn(request);
  REQUIRE(!child);
  CHECK(child.error().to_string() == "run /nonexistent/program: No such file or directory");
  request = shell_request("");
  request.fds = {{-1, 5}};
  CHECK(Subprocess::spawn(request).error().sys_errno() == EBADF);
}

TEST_CASE("a child sees the given environment and nothing else", "[base][subprocess]") {
  SpawnRequest request;
  request.program = "/usr/bin/env";
  request.argv = {"env"};
  request.env = {"A=1", "B=two words"};
  CHECK(output_of(request) == "A=1\nB=two words\n");
}

TEST_CASE("descriptors can be swapped, repeated and kept at their number", "[base][subprocess]") {
  const UniqueFd first = scratch_file();
  const UniqueFd second = scratch_file();
  const UniqueFd third = scratch_file();
  SpawnRequest request =
      shell_request(cat("echo to-second > /proc/self/fd/", first.get(), "; echo to-first > /proc/self/fd/",
                        second.get(), "; echo to-third > /proc/self/fd/", third.get()));
  request.fds = {{first.get(), second.get()}, {second.get(), first.get()}, {third.get(), third.get()}};
  REQUIRE(*started(request).wait() == 0);
  CHECK(content(first) == "to-first\n");
  CHECK(content(second) == "to-second\n");
  CHECK(content(third) == "to-third\n");
}

TEST_CASE("a child inherits no other descriptor, even without CLOEXEC", "[base][subprocess]") {
  const UniqueFd low(::fcntl(STDERR_FILENO, F_DUPFD, 40));
  const UniqueFd high(::fcntl(STDERR_FILENO, F_DUPFD, 60));
  const UniqueFd mapped = scratch_file();
  SpawnRequest request = shell_request("ls /proc/self/fd");
  request.fds = {{mapped.get(), 50}};
  CHECK(output_of(request) == "0\n1\n2\n3\n50\n");  // 3 is the directory ls reads
}

TEST_CASE("standard streams that are not mapped are the null device", "[base][subprocess]") {
  CHECK(output_of(shell_request("readlink /proc/self/fd/0 /proc/self/fd/2")) == "/dev/null\n/dev/null\n");
}

TEST_CASE("a child has no signal blocked or ignored", "[base][subprocess]") {
  sigset_t blocked;
  sigset_t previous;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, &previous);
  auto* const handler = std::signal(SIGPIPE, SIG_IGN);
  SpawnRequest request;
  request.program = "/bin/grep";
  request.argv = {"grep", "-E", "SigBlk|SigIgn", "/proc/self/status"};
  const std::string seen = output_of(request);
  (void)std::signal(SIGPIPE, handler);
  pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  REQUIRE(seen.find("SigIgn:\t") != std::string::npos);
  CHECK(seen.find("SigBlk:\t0000000000000000\n") == 0);
  // Signals 32 and 33 belong to glibc, whose posix_spawn leaves them ignored.
  CHECK((std::stoull(seen.substr(seen.find("SigIgn:\t") + 8), nullptr, 16) & 0x7fffffff) == 0);
}

TEST_CASE("a program can be run from a descriptor", "[base][subprocess]") {
  const UniqueFd program = *open_at(kCwd, "/bin/echo", O_RDONLY);
  SpawnRequest request;
  request.program = cat("/proc/self/fd/", program.get());
  request.argv = {"echo", "hello"};
  CHECK(output_of(request) == "hello\n");
}

TEST_CASE("a session is new only when asked for", "[base][subprocess]") {
  SpawnRequest request = shell_request("cut -d ' ' -f 6 /proc/$$/stat");
  CHECK(output_of(request) == cat(::getsid(0), "\n"));
  request = shell_request("test $(cut -d ' ' -f 6 /proc/$$/stat) = $$ && echo leader");
  request.new_session = true;
  CHECK(output_of(request) == "leader\n");
}

TEST_CASE("past the deadline or on cancel a child is left running", "[base][subprocess]") {
  Subprocess child = started(shell_request("exec sleep 1000"));
  CHECK(child.wait_until(Clock::now() + 1ms).error().code() == Code::kDeadlineExceeded);
  std::stop_source cancel;
  cancel.request_stop();
  CHECK(child.wait_until(Clock::time_point::max(), cancel.get_token()).error().code() == Code::kCancelled);
  CHECK(identify_process(child.pid()));
  child.kill_group_and_reap();
  CHECK(child.pid() == -1);
  CHECK(child.wait().error().code() == Code::kFailedPrecondition);
}

TEST_CASE("a wait ends when it is cancelled from elsewhere, or the child exits", "[base][subprocess]") {
  Subprocess child = started(shell_request("exec sleep 1000"));
  std::stop_source cancel;
  std::jthread canceller([&] { cancel.request_stop(); });
  CHECK(child.wait_until(Clock::time_point::max(), cancel.get_token()).error().code() == Code::kCancelled);
  REQUIRE(signal_process(child.pidfd(), SIGTERM));
  CHECK(WTERMSIG(*child.wait_until(Clock::now() + 60s)) == SIGTERM);
}

TEST_CASE("an abandoned child is killed with its group and reaped", "[base][subprocess]") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  pid_t pid = 0;
  {
    SpawnRequest request = shell_request("sleep 1000 & echo x; sleep 1000");
    request.new_session = true;
    request.fds = {{write_end.get(), STDOUT_FILENO}};
    const Subprocess child = started(request);
    write_end.reset();
    pid = child.pid();
    char byte = 0;
    REQUIRE(::read(read_end.get(), &byte, 1) == 1);
  }
  CHECK(identify_process(pid).error().code() == Code::kNotFound);
  // The end of the stream comes only when the last of the group is gone.
  CHECK(*read_fd(read_end.get(), 10, "pipe") == "\n");
}

TEST_CASE("a moved child has one owner", "[base][subprocess]") {
  Subprocess first = started(shell_request("exec sleep 1000"));
  const pid_t pid = first.pid();
  Subprocess second = std::move(first);
  CHECK(second.pid() == pid);
  second = started(shell_request("exit 0"));
  CHECK(identify_process(pid).error().code() == Code::kNotFound);
  CHECK(*second.wait() == 0);
}

TEST_CASE("a released child outlives its owner", "[base][subprocess]") {
  UniqueFd pidfd;
  pid_t pid = 0;
  {
    Subprocess child = started(shell_request("exec sleep 1000"));
    pid = child.pid();
    pidfd.reset(::fcntl(child.pidfd(), F_DUPFD_CLOEXEC, 0));
    child.release();
  }
  pollfd ended{pidfd.get(), POLLIN, 0};
  CHECK(::poll(&ended, 1, 0) == 0);
  REQUIRE(signal_process(pidfd.get(), SIGKILL));
  int status = 0;
  CHECK(::waitpid(pid, &status, 0) == pid);
}
