// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/exec_output.hpp"

#include <fcntl.h>

#include <catch2/catch.hpp>

#include <thread>

using namespace berth;
using namespace berth::daemon;
using Clock = std::chrono::steady_clock;
using Ending = ExecOutput::Ending;

namespace {

constexpr auto kNever = Clock::time_point::max();

shim::ExitRecord exited(std::int32_t code) {
  shim::ExitRecord exit{};
  exit.exit_code = code;
  return exit;
}

/// An exec whose command is played by the test.
struct Exec {
  ExecBoard board;
  ExecOutput output{board, "exec"};
  UniqueFd out, err;
  std::string stdout_text, stderr_text;

  Exec() {
    auto first = output.open_stdout();
    auto second = output.open_stderr();
    REQUIRE(first);
    REQUIRE(second);
    out = *std::move(first);
    err = *std::move(second);
  }
  void close_all() {
    out.reset();
    err.reset();
  }
  Ending collect(Clock::time_point until = kNever, std::stop_token cancel = {}) {
    return output.collect(until, std::move(cancel), stdout_text, stderr_text);
  }
};

void say(const UniqueFd& fd, std::string_view text) {
  REQUIRE(::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

}  // namespace

TEST_CASE("Output that was written before the end is whole, each stream by itself, whatever its bytes") {
  Exec exec;
  say(exec.out, std::string_view("a\0\xff"
                                 "b",
                                 4));
  say(exec.err, "oops\n");
  exec.close_all();
  exec.board.deliver("exec", exited(7));
  CHECK(exec.collect() == Ending::kExited);
  CHECK(exec.stdout_text == std::string_view("a\0\xff"
                                             "b",
                                             4));
  CHECK(exec.stderr_text == "oops\n");
  CHECK(exec.output.exit_code() == 7);
}

TEST_CASE("Ends of other execs are not ours") {
  Exec exec;
  exec.board.deliver("other", exited(1));
  exec.close_all();
  CHECK(exec.collect(Clock::now() + std::chrono::milliseconds(5)) == Ending::kTimeout);
  CHECK(exec.output.exit_code() == -1);
}

TEST_CASE("A command that closes its output and goes on is waited for") {
  Exec exec;
  exec.close_all();
  std::jthread later([&] { exec.board.deliver("exec", exited(0)); });
  CHECK(exec.collect() == Ending::kExited);
  CHECK(exec.output.exit_code() == 0);
}

TEST_CASE("A grandchild that keeps the pipe open does not hold the call after the command's end") {
  Exec exec;
  say(exec.out, "daemonised\n");
  exec.board.deliver("exec", exited(0));
  CHECK(exec.collect() == Ending::kExited);  // exec.out and exec.err are still open
  CHECK(exec.stdout_text == "daemonised\n");
}

TEST_CASE("Of each stream 16 MiB are kept, and the rest is drained, so that the command is not blocked") {
  Exec exec;
  constexpr std::size_t kMore = ExecOutput::kStreamLimit + (1 << 20);
  std::jthread command([&] {
    const std::string block(1 << 16, 'x');
    for (std::size_t sent = 0; sent < kMore; sent += block.size()) {
      if (::write(exec.out.get(), block.data(), block.size()) < 0) break;
    }
    exec.close_all();
    exec.board.deliver("exec", exited(0));
  });
  CHECK(exec.collect() == Ending::kExited);
  CHECK(exec.stdout_text.size() == ExecOutput::kStreamLimit);
}

TEST_CASE("A timeout is kept although the command writes faster than anybody can read") {
  Exec exec;
  std::jthread command([&](const std::stop_token& stop) {
    const std::string block(1 << 16, 'y');
    REQUIRE(::fcntl(exec.out.get(), F_SETFL, O_NONBLOCK) == 0);
    while (!stop.stop_requested()) (void)!::write(exec.out.get(), block.data(), block.size());
  });
  const auto begin = Clock::now();
  CHECK(exec.collect(begin + std::chrono::milliseconds(20)) == Ending::kTimeout);
  CHECK(Clock::now() - begin < std::chrono::seconds(10));
}

TEST_CASE("A caller that leaves ends the wait, and what was said until then is there") {
  Exec exec;
  say(exec.out, "partial");
  std::stop_source source;
  std::jthread caller([&] { source.request_stop(); });
  CHECK(exec.collect(kNever, source.get_token()) == Ending::kCancelled);
  Exec late;
  CHECK(late.collect(kNever, source.get_token()) == Ending::kCancelled);  // it had left before
}

TEST_CASE("After a kill the end is waited for, but not for ever") {
  Exec exec;
  const auto begin = Clock::now();
  exec.output.wait_ended(std::chrono::milliseconds(5));
  CHECK(Clock::now() - begin >= std::chrono::milliseconds(5));
  exec.board.deliver("exec", exited(137));
  exec.output.wait_ended(std::chrono::hours(1));
  CHECK(exec.output.exit_code() == 137);
}

TEST_CASE("An end that arrives after its exec was given up goes nowhere") {
  ExecBoard board;
  { ExecOutput output(board, "exec"); }
  board.deliver("exec", exited(1));
  ExecOutput again(board, "exec");
  CHECK(again.exit_code() == -1);
}
