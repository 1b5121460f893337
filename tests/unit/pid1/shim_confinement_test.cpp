// SPDX-License-Identifier: Apache-2.0
// What a container's program gets and does not get: identity, filters, cgroups, its own init.

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "shim_fixture.hpp"

using namespace berth;
using namespace berth::pid1::test;
using berth::shim::Type;
using plan::OpKind;

namespace {

int launch(TestShim& shim, unsigned number, ContainerPlan& plan, int oom_fd = -1) {
  const auto bytes = plan.finish();
  LaunchOptions options;
  options.log_name = "c.log";
  options.oom_fd = oom_fd;
  const Answer answer = shim.launch(id_of(number), bytes, plan.raw_fds(), options);
  REQUIRE(answer.err == 0);
  REQUIRE(shim.object_call(Type::kStart, id_of(number)).err == 0);
  shim::LaunchReply reply = {};
  std::memcpy(&reply, answer.body.data(), sizeof reply);
  return reply.pid;
}

bool logged(const TestShim& shim, const std::string& line) {
  return shim.log("c.log").find(" F " + line + "\n") != std::string::npos;
}

plan::Op op_of(OpKind kind, plan::Phase phase) {
  plan::Op op = {};
  op.kind = kind;
  op.phase = phase;
  op.fd = plan::kNoFd;
  return op;
}

/// Denies one system call with EPERM.
plan::Op filter(PlanWriter& writer, unsigned denied, plan::Phase phase) {
  const auto word = [](const sock_filter& step) {
    uint64_t bits = 0;
    std::memcpy(&bits, &step, sizeof bits);
    return bits;
  };
  plan::Op op = op_of(OpKind::kSeccomp, phase);
  op.extra = writer.array<uint64_t>({
      word(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0)),
      word(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, denied, 0, 1)),
      word(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1)),
      word(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)),
  });
  op.value = 4;
  return op;
}

/// A cgroup of this test alone in a version 1 hierarchy; nothing where there is none.
class Cgroup {
 public:
  explicit Cgroup(const std::string& controller)
      : path_("/sys/fs/cgroup/" + controller + "/berth-pid1-test-" + std::to_string(::getpid())) {
    if (::mkdir(path_.c_str(), 0755) != 0) path_.clear();
  }
  ~Cgroup() {
    if (exists()) eventually([this] { return ::rmdir(path_.c_str()) == 0; });
  }
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;
  bool exists() const { return !path_.empty(); }
  int open(const char* file, int flags) const {
    return ::open((path_ + "/" + file).c_str(), flags | O_CLOEXEC);
  }
  bool write(const char* file, const std::string& value) const {
    const UniqueFd fd(open(file, O_WRONLY));
    return ::write(fd.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size());
  }
  std::string read(const char* file) const {
    std::ifstream in(path_ + "/" + file);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("A user without rights owns its pipes and has no capability") {
  TestShim shim;
  ContainerPlan plan(shim.scratch());
  plan.uid = 1000;
  plan.script(
      "id -u; id -g; echo reopened > /proc/self/fd/1; grep -h -E 'Cap(Eff|Prm|Inh|Amb)|NoNewPrivs|Groups' "
      "/proc/self/status");
  launch(shim, 1, plan);
  CHECK(shim.next_event().state.exit.exit_code == 0);
  INFO(shim.log("c.log"));
  CHECK(logged(shim, "1000"));
  CHECK(logged(shim, "reopened"));
  CHECK(logged(shim, "CapEff:\t0000000000000000"));
  CHECK(logged(shim, "CapPrm:\t0000000000000000"));
  CHECK(logged(shim, "CapAmb:\t0000000000000000"));
  CHECK(logged(shim, "NoNewPrivs:\t1"));
  CHECK(logged(shim, "Groups:\t "));
}

TEST_CASE("Kept capabilities survive the change of user, and ambient ones the program's start") {
  TestShim shim;
  constexpr uint64_t kNetBindService = 1u << 10;
  ContainerPlan plan(shim.scratch());
  plan.uid = 0;
  plan::Op bounding = op_of(OpKind::kBoundingSet, plan::Phase::kPrivileges);
  bounding.value = kNetBindService;
  plan::Op ids = op_of(OpKind::kIds, plan::Phase::kPrivileges);
  ids.flags = ids.value = 1234;
  ids.mode = 1;
  plan::Op sets = op_of(OpKind::kCapabilities, plan::Phase::kPrivileges);
  sets.extra =
      plan.writer.array<uint64_t>({kNetBindService, kNetBindService, kNetBindService, kNetBindService});
  plan.privileges = {bounding, ids, sets};
  plan.script("id -u; grep -h Cap /proc/self/status");
  launch(shim, 1, plan);
  shim.next_event();
  CHECK(logged(shim, "1234"));
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
    CHECK(logged(shim, std::string(set) + ":\t0000000000000400"));
  }
}

TEST_CASE("A filter is in force in the program, wherever in the plan it was loaded") {
  for (const plan::Phase phase : {plan::Phase::kPrivileges, plan::Phase::kSeccomp}) {
    TestShim shim;
    ContainerPlan plan(shim.scratch());
    const plan::Op op = filter(plan.writer, SYS_mkdir, phase);
    (phase == plan::Phase::kSeccomp ? plan.seccomp : plan.privileges) = {op};
    plan.script("grep -h Seccomp: /proc/self/status; busybox mkdir /tmp/x; echo $?; ls -d /tmp");
    launch(shim, 1, plan);
    shim.next_event();
    CHECK(logged(shim, "Seccomp:\t2"));
    CHECK(logged(shim, "1"));
    CHECK(logged(shim, "/tmp"));
  }
}

TEST_CASE("A filter that forbids execve makes Start fail with its errno") {
  TestShim shim;
  ContainerPlan plan(shim.scratch());
  plan.seccomp = {filter(plan.writer, SYS_execve, plan::Phase::kSeccomp)};
  const auto bytes = plan.finish();
  REQUIRE(shim.launch(id_of(1), bytes, plan.raw_fds(), {}).err == 0);
  const Answer answer = shim.object_call(Type::kStart, id_of(1));
  CHECK(answer.err == EPERM);
  CHECK(plan.writer.ops[answer.op_index].kind == OpKind::kExec);
  CHECK(shim.next_event().state.exit.never_started == 1);
}

TEST_CASE("A working directory is created, entered, and never outside the root") {
  TestShim shim;
  ContainerPlan plan(shim.scratch());
  plan::Op directory = op_of(OpKind::kWorkingDir, plan::Phase::kSetup);
  directory.text = plan.writer.text("/srv/new/work");
  directory.mode = 1;
  plan.setup = {directory};
  plan.script("pwd");
  launch(shim, 1, plan);
  shim.next_event();
  CHECK(logged(shim, "/srv/new/work"));

  ContainerPlan missing(shim.scratch());
  directory.text = missing.writer.text("/not/there");
  directory.mode = 0;
  missing.setup = {directory};
  const auto bytes = missing.finish();
  const Answer answer = shim.launch(id_of(2), bytes, missing.raw_fds(), {});
  CHECK(answer.err == ENOENT);
  CHECK(missing.writer.ops[answer.op_index].kind == OpKind::kWorkingDir);
}

TEST_CASE("A working directory that only root may enter is kept when the program's user may not") {
  TestShim shim;
  const std::string closed = shim.scratch().path("root/srv/closed");
  std::filesystem::create_directories(closed);
  REQUIRE(::chmod(closed.c_str(), 0700) == 0);
  ContainerPlan plan(shim.scratch());
  plan.uid = 1000;
  plan::Op directory = op_of(OpKind::kWorkingDir, plan::Phase::kSetup);
  directory.text = plan.writer.text("/srv/closed");
  plan.setup = {directory};
  directory.phase = plan::Phase::kPrivileges;
  plan.privileges = {directory};
  plan.script("pwd; ls / >/dev/null && ls . 2>/dev/null || echo unreadable");
  launch(shim, 1, plan);
  shim.next_event();
  CHECK(logged(shim, "/srv/closed"));
  CHECK(logged(shim, "unreadable"));
}

TEST_CASE("A container joins its cgroup, and the kernel's out-of-memory kills are in its record") {
  const Cgroup cgroup("memory");
  if (!cgroup.exists()) {
    std::cout << "SKIP: no version 1 memory hierarchy\n";
    return;
  }
  REQUIRE(cgroup.write("memory.limit_in_bytes", "16777216"));
  TestShim shim;
  ContainerPlan plan(shim.scratch());
  plan.fds.emplace_back(cgroup.open("cgroup.procs", O_WRONLY));
  plan.writer.add(OpKind::kJoinCgroup, plan::Phase::kJoin).fd = 1;
  plan.script("echo in; exec dd if=/dev/zero of=/dev/null bs=100M count=1");
  const UniqueFd oom(cgroup.open("memory.oom_control", O_RDONLY));
  launch(shim, 1, plan, oom.get());
  const Event event = shim.next_event();
  CHECK(event.state.exit.signal_number == SIGKILL);
  CHECK(event.state.exit.oom_kills == 1);
  CHECK(logged(shim, "in"));
}

TEST_CASE("Pause joins the pod's cgroup") {
  const Cgroup cgroup("pids");
  if (!cgroup.exists()) {
    std::cout << "SKIP: no version 1 pids hierarchy\n";
    return;
  }
  TestShim shim;
  const UniqueFd tasks(cgroup.open("tasks", O_WRONLY));
  shim::InitPod request = {};
  request.pod = id_of(1);
  request.net_fd = request.ipc_fd = request.uts_fd = request.user_fd = request.into_cgroup_fd = shim::kNoFd;
  request.share_pid = 1;
  request.cgroup_fd_count = 1;
  const Answer answer = shim.call(Type::kInitPod, &request, sizeof request, {tasks.get()});
  REQUIRE(answer.err == 0);
  shim::InitPodReply reply = {};
  std::memcpy(&reply, answer.body.data(), sizeof reply);
  const std::string members = "\n" + cgroup.read("cgroup.procs");
  CHECK(members.find("\n" + std::to_string(reply.pause_pid) + "\n") != std::string::npos);
  CHECK(members.find("\n" + std::to_string(shim.pid()) + "\n") == std::string::npos);
  CHECK(shim.call(Type::kInitPod, &request, sizeof request, {tasks.get()}).err == EALREADY);
}

TEST_CASE("berth-pid1 init forwards signals, reaps, and exits like its program") {
  TestShim shim;
  std::filesystem::copy_file(BERTH_PID1, shim.scratch().path("root/bin/berth-init"));
  ContainerPlan plan(shim.scratch());
  plan.argv({"/bin/berth-init", "init", "--", "/bin/sh", "-c",
             "(sleep 0 &); sleep 0.1; grep -c zombie /proc/[0-9]*/status | grep -v :0; trap 'exit 9' USR1; "
             "echo ready; "
             "while :; do sleep 0.02; done"});
  launch(shim, 1, plan);
  REQUIRE(eventually([&] { return logged(shim, "ready"); }));
  CHECK(shim.log("c.log").find("status") == std::string::npos);
  CHECK(shim.signal(id_of(1), SIGUSR1).err == 0);
  CHECK(shim.next_event().state.exit.exit_code == 9);

  ContainerPlan killed(shim.scratch());
  killed.argv({"/bin/berth-init", "init", "--", "/bin/sh", "-c", "kill -SEGV $$"});
  launch(shim, 2, killed);
  CHECK(shim.next_event().state.exit.exit_code == 139);

  ContainerPlan missing(shim.scratch());
  missing.argv({"/bin/berth-init", "init", "--", "/bin/none"});
  launch(shim, 3, missing);
  CHECK(shim.next_event().state.exit.exit_code == 127);
}
