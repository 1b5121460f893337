// SPDX-License-Identifier: Apache-2.0
// The real shim with real containers: what the daemon relies on, seen from the daemon's side.

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "shim_fixture.hpp"

using namespace berth;
using namespace berth::pid1::test;
using berth::shim::Phase;
using berth::shim::Type;

namespace {

/// Text of the records of one stream of a log, partial ones joined.
std::string text_of(const std::string& log, const std::string& stream) {
  std::string text;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    REQUIRE(line.size() >= 40);
    if (line.substr(31, 6) != stream) continue;
    text += line.substr(40);
    if (line[38] == 'F') text += '\n';
  }
  return text;
}

shim::LaunchReply started(const Answer& answer) {
  REQUIRE(answer.err == 0);
  REQUIRE(answer.body.size() == sizeof(shim::LaunchReply));
  shim::LaunchReply reply;
  std::memcpy(&reply, answer.body.data(), sizeof reply);
  return reply;
}

/// Launches and starts a script with a log named "c.log"; its pid.
int run(TestShim& shim, unsigned number, const std::string& script, LaunchOptions options = {}) {
  ContainerPlan plan(shim.scratch());
  const auto bytes = plan.script(script).finish();
  options.log_name = "c.log";
  const auto reply = started(shim.launch(id_of(number), bytes, plan.raw_fds(), options));
  REQUIRE(shim.object_call(Type::kStart, id_of(number)).err == 0);
  return reply.pid;
}

shim::ExitRecord record_on_disk(const TestShim& shim, unsigned number) {
  const std::string id(id_of(number).hex, 64);
  std::ifstream file(shim.scratch().path("pod/" + id + ".exit"), std::ios::binary);
  shim::ExitRecord record = {};
  file.read(reinterpret_cast<char*>(&record), sizeof record);
  return record;
}

std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t size = 0; (size = ::read(fd, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(size));
  return text;
}

}  // namespace

TEST_CASE("A container waits at the gate, runs when started, and leaves log and exit record") {
  TestShim shim;
  ContainerPlan plan(shim.scratch());
  const auto bytes = plan.script("echo out; echo err >&2; hostname; echo -n tail; exit 7").finish();
  LaunchOptions options;
  options.log_name = "c.log";
  const auto reply = started(shim.launch(id_of(1), bytes, plan.raw_fds(), options));
  CHECK(reply.pid > 0);
  CHECK(reply.start_time > 0);
  CHECK(shim.listed(id_of(1))->phase == Phase::kCreated);
  CHECK(shim.log("c.log").empty());
  REQUIRE(shim.object_call(Type::kStart, id_of(1)).err == 0);

  const Event event = shim.next_event();
  CHECK(event.type == Type::kExited);
  CHECK(event.state.phase == Phase::kExited);
  CHECK(event.state.exit.exit_code == 7);
  CHECK(event.state.exit.signal_number == 0);
  CHECK(event.state.exit.never_started == 0);
  CHECK(event.state.exit.finished_ns >= event.state.exit.started_ns);
  CHECK(event.state.exit.started_ns > 0);
  CHECK(text_of(shim.log("c.log"), "stdout") == "out\ntest-pod\ntail");
  CHECK(text_of(shim.log("c.log"), "stderr") == "err\n");
  const shim::ExitRecord record = record_on_disk(shim, 1);
  CHECK(std::memcmp(&record, &event.state.exit, sizeof record) == 0);

  CHECK(shim.signal(id_of(1), SIGTERM).err == ESRCH);
  CHECK(shim.object_call(Type::kRemove, id_of(1)).err == 0);
  CHECK(record_on_disk(shim, 1).magic == 0);
  CHECK(shim.object_call(Type::kRemove, id_of(1)).err == ENOENT);
  CHECK(shim.call(Type::kShutdown).err == 0);
  CHECK(shim.wait() == 0);
  CHECK_FALSE(std::filesystem::exists(shim.scratch().path("pod/shim.sock")));
}

TEST_CASE("A signal ends a container, and its number is in the record") {
  TestShim shim;
  run(shim, 1, "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done");
  REQUIRE(eventually([&] { return !shim.log("c.log").empty(); }));
  CHECK(shim.object_call(Type::kRemove, id_of(1)).err == EBUSY);
  CHECK(shim.call(Type::kShutdown).err == EBUSY);
  CHECK(shim.signal(id_of(1), SIGTERM).err == 0);
  CHECK(shim.next_event().state.exit.exit_code == 3);
  run(shim, 2, "sleep 100");
  CHECK(shim.signal(id_of(2), SIGKILL).err == 0);
  const Event killed = shim.next_event();
  CHECK(killed.state.exit.exit_code == 137);
  CHECK(killed.state.exit.signal_number == SIGKILL);
}

TEST_CASE("A container that is killed before Start was never started") {
  TestShim shim;
  ContainerPlan plan(shim.scratch());
  const auto bytes = plan.finish();
  started(shim.launch(id_of(1), bytes, plan.raw_fds(), {}));
  CHECK(shim.signal(id_of(1), SIGKILL).err == 0);
  const Event event = shim.next_event();
  CHECK(event.state.exit.never_started == 1);
  CHECK(event.state.exit.started_ns == 0);
  CHECK(shim.object_call(Type::kStart, id_of(1)).err == EINVAL);
}

TEST_CASE("A step that fails is named by its index and errno, and nothing stays") {
  TestShim shim;
  {
    ContainerPlan plan(shim.scratch());
    const auto bytes = plan.argv({"/bin/missing"}).finish();
    const Answer answer = shim.launch(id_of(1), bytes, plan.raw_fds(), {});
    CHECK(answer.err == ENOENT);
    REQUIRE(answer.op_index < plan.writer.ops.size());
    CHECK(plan.writer.ops[answer.op_index].kind == plan::OpKind::kFindProgram);
  }
  {
    ContainerPlan plan(shim.scratch());
    plan::Op attach = plan.writer.add(plan::OpKind::kAttachTree, plan::Phase::kMask);
    plan.writer.ops.clear();
    attach.kind = plan::OpKind::kMountAttr;
    attach.target = plan.writer.text("/not/there");
    plan.mask.push_back(attach);
    const auto bytes = plan.finish();
    const Answer answer = shim.launch(id_of(1), bytes, plan.raw_fds(), {});
    CHECK(answer.err == ENOENT);
    CHECK(plan.writer.ops[answer.op_index].kind == plan::OpKind::kMountAttr);
  }
  CHECK_FALSE(shim.listed(id_of(1)).has_value());
}

TEST_CASE("A program that execve refuses fails Start, and the container ends as never started") {
  TestShim shim;
  std::ofstream(shim.scratch().path("root/bin/bad")) << "\x7f"
                                                     << "ELF nonsense";
  ::chmod(shim.scratch().path("root/bin/bad").c_str(), 0755);
  ContainerPlan plan(shim.scratch());
  const auto bytes = plan.argv({"/bin/bad"}).finish();
  started(shim.launch(id_of(1), bytes, plan.raw_fds(), {}));
  const Answer answer = shim.object_call(Type::kStart, id_of(1));
  CHECK(answer.err == ENOEXEC);
  CHECK(plan.writer.ops[answer.op_index].kind == plan::OpKind::kExec);
  CHECK(shim.next_event().state.exit.never_started == 1);
}

TEST_CASE("A container has descriptors 0, 1 and 2 and no others") {
  TestShim shim;
  run(shim, 1,
      "ls /proc/self/fd; readlink /proc/self/fd/0; stat -c %T:%t /proc/self/fd/0/; grep -h SigBlk "
      "/proc/self/status");
  shim.next_event();
  const std::string text = text_of(shim.log("c.log"), "stdout");
  // ls itself opens the directory as 3.
  CHECK(text.substr(0, 8) == "0\n1\n2\n3\n");
  CHECK(text.find("/dev/null\n") != std::string::npos);
  CHECK(text.find("SigBlk:\t0000000000000000") != std::string::npos);
}

TEST_CASE("An exec joins a container, uses the given pipes, and is forgotten after its end") {
  TestShim shim;
  const int pid = run(shim, 1, "sleep 100");
  int in[2];
  int out[2];
  REQUIRE(::pipe2(in, O_CLOEXEC) == 0);
  REQUIRE(::pipe2(out, O_CLOEXEC) == 0);
  UniqueFd in_end(in[1]), out_end(out[0]);
  {
    UniqueFd in_child(in[0]), out_child(out[1]);
    const ExecPlan plan = exec_plan(pid, {"/bin/sh", "-c", "cat; pwd; hostname; echo $$; exit 5"});
    LaunchOptions options;
    options.flags = shim::kExecObject | shim::kGivenStdio;
    options.stdio = {in_child.get(), out_child.get(), out_child.get()};
    started(shim.launch(id_of(9), plan.bytes, plan.raw_fds(), options));
  }
  REQUIRE(::write(in_end.get(), "hello\n", 6) == 6);
  in_end.reset();
  const std::string text = read_all(out_end.get());
  CHECK(text.substr(0, 20) == "hello\n/etc\ntest-pod\n");
  CHECK(text != "hello\n/etc\ntest-pod\n1\n");
  const Event event = shim.next_event();
  CHECK(event.state.exit.exit_code == 5);
  CHECK_FALSE(shim.listed(id_of(9)).has_value());

  const ExecPlan missing = exec_plan(pid, {"/bin/none"});
  LaunchOptions options;
  options.flags = shim::kExecObject | shim::kGivenStdio;
  CHECK(shim.launch(id_of(8), missing.bytes, missing.raw_fds(), options).err == ENOENT);
}

TEST_CASE("Containers outlive the daemon's connection, and their ends are listed afterwards") {
  TestShim shim;
  run(shim, 1, "sleep 0.2; exit 4");
  const int pid = run(shim, 2, "sleep 100");
  shim.disconnect();
  shim.connect();
  REQUIRE(eventually([&] { return shim.listed(id_of(1))->phase == Phase::kExited; }));
  CHECK(shim.listed(id_of(1))->exit.exit_code == 4);
  CHECK(shim.listed(id_of(2))->phase == Phase::kRunning);
  CHECK(shim.listed(id_of(2))->pid == pid);
  CHECK(shim.listed(id_of(2))->start_time > 0);
}

TEST_CASE("Reopening a log while it is written to loses and repeats no line") {
  TestShim shim;
  run(shim, 1, "seq 1 200000");
  const auto renamed = [&](int i) { return "c.log." + std::to_string(i); };
  for (int i = 0; i < 5; ++i) {
    std::filesystem::rename(shim.scratch().path("logs/c.log"), shim.scratch().path("logs/" + renamed(i)));
    REQUIRE(shim.object_call(Type::kReopenLog, id_of(1)).err == 0);
  }
  REQUIRE(shim.next_event().type == Type::kExited);
  std::string text;
  for (int i = 0; i < 5; ++i) text += text_of(shim.log(renamed(i)), "stdout");
  text += text_of(shim.log("c.log"), "stdout");
  std::string expected;
  for (int i = 1; i <= 200000; ++i) expected += std::to_string(i) + "\n";
  CHECK((text == expected));
}

TEST_CASE("A log with a limit is rotated while it is written to, without a line lost or torn") {
  TestShim shim;
  LaunchOptions options;
  options.log_max_size = 1 << 20;
  options.log_max_files = 100;
  run(shim, 1, "i=0; while [ $i -lt 60000 ]; do i=$((i + 1)); echo $i; done", options);
  REQUIRE(shim.next_event().type == Type::kExited);
  std::string text;
  int files = 0;
  for (int i = 100; i >= 0; --i) {
    const std::string log = shim.log(i == 0 ? "c.log" : "c.log." + std::to_string(i));
    CHECK(log.size() <= options.log_max_size);
    files += log.empty() ? 0 : 1;
    text += text_of(log, "stdout");
  }
  std::string expected;
  for (int i = 1; i <= 60000; ++i) expected += std::to_string(i) + "\n";
  CHECK(text == expected);
  CHECK(files >= 3);
}

TEST_CASE("The journal gets an entry for each line, with the container's fields") {
  TestShim shim;
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) == 0);
  const UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  LaunchOptions options;
  options.journal_fd = theirs.get();
  options.journal_fields = "CONTAINER_NAME=main\n";
  run(shim, 1, "echo one; echo; echo bad >&2; sleep 0.1; printf end", options);
  REQUIRE(shim.next_event().type == Type::kExited);
  std::vector<std::string> entries;
  char buffer[4096];
  for (ssize_t size = 0; (size = ::recv(ours.get(), buffer, sizeof buffer, MSG_DONTWAIT)) > 0;)
    entries.emplace_back(buffer, static_cast<std::size_t>(size));
  std::sort(entries.begin(), entries.end());
  const std::string name = "CONTAINER_NAME=main\n";
  CHECK(entries ==
        std::vector<std::string>{name + "PRIORITY=3\nMESSAGE=bad\n",
                                 name + "PRIORITY=6\nCONTAINER_PARTIAL_MESSAGE=true\nMESSAGE=end\n",
                                 name + "PRIORITY=6\nMESSAGE=\n", name + "PRIORITY=6\nMESSAGE=one\n"});
  CHECK(text_of(shim.log("c.log"), "stdout") == "one\n\nend");
}

TEST_CASE("A journal that takes nothing holds nobody up") {
  TestShim shim;
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) == 0);
  const UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  LaunchOptions options;
  options.journal_fd = theirs.get();
  run(shim, 1, "i=0; while [ $i -lt 5000 ]; do i=$((i + 1)); echo $i; done", options);
  REQUIRE(shim.next_event().type == Type::kExited);
  CHECK(text_of(shim.log("c.log"), "stdout").ends_with("\n4999\n5000\n"));
}

TEST_CASE("A log that cannot be reopened goes on in the old file") {
  TestShim shim;
  run(shim, 1, "sleep 0.3; echo late");
  std::filesystem::rename(shim.scratch().path("logs/c.log"), shim.scratch().path("logs/old"));
  std::filesystem::create_symlink("/etc/passwd", shim.scratch().path("logs/c.log"));
  CHECK(shim.object_call(Type::kReopenLog, id_of(1)).err == ELOOP);
  std::filesystem::remove(shim.scratch().path("logs/c.log"));
  std::filesystem::create_directory(shim.scratch().path("logs/c.log"));
  CHECK(shim.object_call(Type::kReopenLog, id_of(1)).err == EISDIR);
  shim.next_event();
  CHECK(text_of(shim.log("old"), "stdout") == "late\n");
}
