// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <thread>

#include "base/process_id.hpp"
#include "base/subprocess.hpp"

using namespace berth;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

SpawnRequest shell(const std::string& script) {
  SpawnRequest request;
  request.program = "/bin/sh";
  request.argv = {"sh", "-c", script};
  request.env = {"PATH=/usr/bin:/bin"};
  return request;
}

constexpr std::size_t kLimit = 10'000'000;

Completed completed(const std::string& script, std::string_view input = {}, std::size_t limit = kLimit) {
  Result<Completed> done = run_to_end(shell(script), input, limit, Clock::now() + 60s);
  REQUIRE(done);
  return *std::move(done);
}

/// True when the process, which is not our child, ends or has ended within half a minute.
bool ends(pid_t pid) {
  const Result<ProcessId> id = identify_process(pid);
  if (!id) return true;
  const Result<UniqueFd> pidfd = open_process(*id);
  if (!pidfd) return true;
  pollfd ended{pidfd->get(), POLLIN, 0};
  return ::poll(&ended, 1, 30'000) == 1;
}

}  // namespace

TEST_CASE("input, both outputs and the status pass through", "[base][run_to_end]") {
  const Completed done = completed("cat; echo oops >&2; exit 4", "hello");
  CHECK(done.out == "hello");
  CHECK(done.err == "oops\n");
  CHECK(WEXITSTATUS(done.wait_status) == 4);
}

TEST_CASE("more than a pipe holds goes in and out at the same time", "[base][run_to_end]") {
  std::string input;
  for (int i = 0; i < 200'000; ++i) input += std::to_string(i);
  const Completed done = completed("cat", input);
  CHECK(done.out.size() == input.size());
  CHECK(done.out == input);
}

TEST_CASE("output over the limit is discarded without stopping the program", "[base][run_to_end]") {
  const Completed done = completed("head -c 1000000 /dev/zero; echo end >&2", {}, 1000);
  CHECK(done.out == std::string(1000, '\0'));
  CHECK(done.err == "end\n");
  CHECK(done.wait_status == 0);
}

TEST_CASE("a program that does not read its input does no harm", "[base][run_to_end]") {
  auto* const handler = std::signal(SIGPIPE, SIG_DFL);
  const Completed done = completed("exec <&-; echo done; sleep 0.05", std::string(1'000'000, 'x'));
  (void)std::signal(SIGPIPE, handler);
  CHECK(done.out == "done\n");
  sigset_t pending;
  sigpending(&pending);
  CHECK(sigismember(&pending, SIGPIPE) == 0);
}

TEST_CASE("a program without input sees the end of its stdin", "[base][run_to_end]") {
  CHECK(completed("cat; echo eof").out == "eof\n");
}

TEST_CASE("a grandchild that holds the output is given a second, then killed", "[base][run_to_end]") {
  const auto before = Clock::now();
  const Completed done = completed("sleep 1000 & echo $!");
  CHECK(Clock::now() - before < 30s);
  CHECK(done.wait_status == 0);
  REQUIRE(!done.out.empty());
  CHECK(ends(std::stoi(done.out)));
}

TEST_CASE("a program that closes its output and lives on is waited for", "[base][run_to_end]") {
  const Completed done = completed("exec >&- 2>&-; sleep 0.05; exit 7");
  CHECK(WEXITSTATUS(done.wait_status) == 7);
}

TEST_CASE("past its deadline a program dies with its children", "[base][run_to_end]") {
  const auto before = Clock::now();
  const Result<Completed> done =
      run_to_end(shell("sleep 1000 & sleep 1000"), {}, kLimit, Clock::now() + 20ms);
  REQUIRE(!done);
  CHECK(done.error().code() == Code::kDeadlineExceeded);
  CHECK(done.error().to_string() == "run /bin/sh: did not end in time and was killed");
  CHECK(Clock::now() - before < 30s);
}

TEST_CASE("an endless writer does not outrun the deadline", "[base][run_to_end]") {
  const Result<Completed> done = run_to_end(shell("exec cat /dev/zero"), {}, 1000, Clock::now() + 20ms);
  REQUIRE(!done);
  CHECK(done.error().code() == Code::kDeadlineExceeded);
}

TEST_CASE("a cancelled run ends with its program", "[base][run_to_end]") {
  std::stop_source cancel;
  std::jthread canceller([&] { cancel.request_stop(); });
  const Result<Completed> done =
      run_to_end(shell("exec sleep 1000"), {}, kLimit, Clock::time_point::max(), cancel.get_token());
  REQUIRE(!done);
  CHECK(done.error().code() == Code::kCancelled);
}

TEST_CASE("a program that does not exist is named", "[base][run_to_end]") {
  SpawnRequest request = shell("");
  request.program = "/nonexistent/cni";
  const Result<Completed> done = run_to_end(request, {}, kLimit, Clock::now() + 60s);
  REQUIRE(!done);
  CHECK(done.error().to_string().find("/nonexistent/cni: No such file or directory") != std::string::npos);
}
