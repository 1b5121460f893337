// SPDX-License-Identifier: Apache-2.0
#include "pid1/exit_record.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <string>

#include "pid1/fd.h"

using namespace berth;
using namespace berth::pid1;

namespace {

shim::ExitRecord record_of(int code, int status) {
  siginfo_t info = {};
  info.si_code = code;
  info.si_status = status;
  rusage usage = {};
  usage.ru_utime = {2, 500000};
  usage.ru_stime = {0, 7};
  shim::ExitRecord record = {};
  fill_exit_record(record, info, usage);
  return record;
}

uint64_t kills(const std::string& text) {
  return parse_oom_kills(text.data(), text.size());
}

}  // namespace

TEST_CASE("Exit codes are kept, and signals become 128 and their number") {
  CHECK(record_of(CLD_EXITED, 0).exit_code == 0);
  CHECK(record_of(CLD_EXITED, 255).exit_code == 255);
  CHECK(record_of(CLD_EXITED, 137).signal_number == 0);
  CHECK(record_of(CLD_KILLED, SIGKILL).exit_code == 137);
  CHECK(record_of(CLD_KILLED, SIGKILL).signal_number == SIGKILL);
  CHECK(record_of(CLD_KILLED, SIGKILL).core_dumped == 0);
  CHECK(record_of(CLD_DUMPED, SIGSEGV).exit_code == 139);
  CHECK(record_of(CLD_DUMPED, SIGSEGV).core_dumped == 1);
  CHECK(record_of(CLD_KILLED, 64).exit_code == 192);
}

TEST_CASE("A record carries its magic, version and CPU time") {
  const shim::ExitRecord record = record_of(CLD_EXITED, 0);
  CHECK(record.magic == shim::kExitMagic);
  CHECK(record.version == 1);
  CHECK(record.user_us == 2500000);
  CHECK(record.system_us == 7);
}

TEST_CASE("The OOM counter is the oom_kill line of either cgroup version") {
  CHECK(kills("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n") == 3);
  CHECK(kills("low 0\nhigh 9\nmax 0\noom 7\noom_kill 12\noom_group_kill 4\n") == 12);
  CHECK(kills("oom_kill 18446744073709551615") == UINT64_MAX);
}

TEST_CASE("Without a readable oom_kill line the counter is 0") {
  CHECK(kills("") == 0);
  CHECK(kills("oom_kill") == 0);
  CHECK(kills("oom_kill \n") == 0);
  CHECK(kills("oom_kill x\n") == 0);
  CHECK(kills("xoom_kill 3\n") == 0);
  CHECK(kills("oom_kill 18446744073709551616\n") == 0);
  CHECK(kills("oom_kill_disable 1\nunder_oom 1\n") == 0);
  CHECK(read_oom_kills(-1) == 0);
}

TEST_CASE("A record is written whole under its final name and can be removed") {
  char name[] = "/tmp/berth-exit-XXXXXX";
  REQUIRE(::mkdtemp(name) != nullptr);
  const Fd directory(::open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  shim::ObjectId id;
  std::memset(id.hex, 'a', sizeof id.hex);
  const std::string file = std::string(64, 'a') + ".exit";
  const shim::ExitRecord first = record_of(CLD_EXITED, 1);
  const shim::ExitRecord second = record_of(CLD_EXITED, 2);
  REQUIRE(write_exit_record(directory.get(), id, first) == 0);
  REQUIRE(write_exit_record(directory.get(), id, second) == 0);
  {
    const Fd written(::openat(directory.get(), file.c_str(), O_RDONLY | O_CLOEXEC));
    char bytes[sizeof second + 1];
    REQUIRE(::read(written.get(), bytes, sizeof bytes) == static_cast<ssize_t>(sizeof second));
    CHECK(std::memcmp(bytes, &second, sizeof second) == 0);
  }
  remove_exit_record(directory.get(), id);
  CHECK(::rmdir(name) == 0);  // nothing else was left
  CHECK(write_exit_record(directory.get(), id, first) == ENOENT);
}
