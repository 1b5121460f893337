// SPDX-License-Identifier: Apache-2.0
#include "base/process_id.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "base/subprocess.hpp"

using namespace berth;

namespace {
Subprocess sleeper() {
  SpawnRequest request;
  request.program = "/bin/sh";
  request.argv = {"sh", "-c", "exec sleep 1000"};
  Result<Subprocess> child = Subprocess::spawn(request);
  REQUIRE(child);
  return *std::move(child);
}
}  // namespace

TEST_CASE("a process is identified by pid and start time", "[base][process_id]") {
  const Result<ProcessId> self = identify_process(::getpid());
  REQUIRE(self);
  CHECK(self->pid == ::getpid());
  CHECK(self->start_time > 0);
  CHECK(*identify_process(::getpid()) == *self);
  CHECK(open_process(*self));
}

TEST_CASE("a recycled pid is not mistaken for the process", "[base][process_id]") {
  ProcessId id = *identify_process(::getpid());
  --id.start_time;
  const Result<UniqueFd> opened = open_process(id);
  REQUIRE(!opened);
  CHECK(opened.error().code() == Code::kNotFound);
}

TEST_CASE("a process that is gone is not found", "[base][process_id]") {
  Subprocess child = sleeper();
  const ProcessId id = *identify_process(child.pid());
  const UniqueFd pidfd = *open_process(id);
  child.kill_group_and_reap();
  CHECK(identify_process(id.pid).error().code() == Code::kNotFound);
  CHECK(open_process(id).error().code() == Code::kNotFound);
  CHECK(signal_process(pidfd.get(), SIGTERM));
}

TEST_CASE("numbers that are no pid are not found", "[base][process_id]") {
  for (const pid_t pid : {0, -1, 0x7fffffff}) {
    CAPTURE(pid);
    CHECK(identify_process(pid).error().code() == Code::kNotFound);
    CHECK(open_process({pid, 1}).error().code() == Code::kNotFound);
  }
}

TEST_CASE("a signal goes to exactly the process of the descriptor", "[base][process_id]") {
  Subprocess child = sleeper();
  const UniqueFd pidfd = *open_process(*identify_process(child.pid()));
  REQUIRE(signal_process(pidfd.get(), SIGTERM));
  CHECK(describe_wait_status(*child.wait()) == "killed by signal 15 (Terminated)");
  CHECK(!signal_process(-1, SIGTERM));
}

TEST_CASE("the boot id is one line of hex and dashes", "[base][process_id]") {
  const std::string id = *boot_id();
  CHECK(id.size() == 36);
  CHECK(id.find_first_not_of("0123456789abcdef-") == std::string::npos);
}
